#!/usr/bin/env bash
# SIGTERM, SIGINT and SIGHUP while training, evaluating and saving: exit 75, and the run goes on bit-equal.
# shellcheck disable=SC2016  # bash -c expands it
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

stop() { # SIGNAL RUN WHAT
  end "$1"
  status=$?
  check "$1 while $3 exits 75, got $status" test "$status" -eq 75
  check "$1 while $3 is told in train.log" test "$(tail -n 1 "$2/train.log")" = "stopped by a signal"
  check "$1 while $3 tells how to go on" grep -q -- "--config $2/config.yaml --run $2 --resume auto" "$2.err"
}
# go_on RUN END: resumes to END steps, evaluations and all, and compares with the run that nobody stopped.
go_on() {
  check "$1 goes on" "$engine" train lm --config "$1/config.yaml" --quiet --run "$1" --resume auto --set train.steps="$2"
  check "the same without a stop" "$engine" train lm --config "$1/config.yaml" --quiet --run "$1_calm" --set train.steps="$2"
  for file in model.safetensors model_1.safetensors optimizer.rank_000_of_001.safetensors; do
    check "$1: $file is equal" cmp "$1/checkpoints/latest/$file" "$1_calm/checkpoints/latest/$file"
  done
  same_metrics "$1" "$1_calm"
  check "$1: best is the same" test "$(readlink "$1/checkpoints/best")" = "$(readlink "$1_calm/checkpoints/best")"
}
many=(--set train.steps=1000000 --set train.schedule=constant)

for signal in TERM INT HUP; do
  start "training_$signal" "${many[@]}"
  check "training starts" wait_for test -s "training_$signal/metrics.jsonl"
  stop $signal "training_$signal" training
  go_on "training_$signal" "$(($(step_of "training_$signal") + 2))"

  # After every third step an evaluation that takes hundreds of times as long.
  start "evaluating_$signal" "${many[@]}" --set train.eval_every=3 --set eval.max_lines=0 \
    --set "eval.lengths=[16]" --set eval.stride=8 --set data.valid_path="$tests/data/wikitext2/valid.txt"
  check "the third step comes" wait_for grep -q '"step":3' "evaluating_$signal/metrics.jsonl"
  stop $signal "evaluating_$signal" evaluating
  check "it was evaluating" grep -q '"evaluation_due": true' "evaluating_$signal/checkpoints/latest/trainer_state.json"
  go_on "evaluating_$signal" "$(($(step_of "evaluating_$signal") + 1))"

  start "saving_$signal" "${many[@]}" --set checkpoint.every=1
  check "checkpoints are written" wait_for test -e "saving_$signal/checkpoints/latest"
  stop $signal "saving_$signal" saving
  go_on "saving_$signal" "$(($(step_of "saving_$signal") + 2))"
done

# After the last step: the evaluation at all lengths is what is left.
start final --set train.steps=2 --set eval.max_lines=0 --set "eval.lengths=[16, 1024]" \
  --set data.valid_path="$tests/data/wikitext2/valid.txt"
check "the checkpoint of the last step comes" wait_for test -e final/checkpoints/latest
stop TERM final "evaluating at the end"
check "then only that is done" bash -c '"$engine" train lm --config final/config.yaml --run final --resume auto \
  --set eval.max_lines=5 2> /dev/null | grep -aq "Token perplexity"'

# A second signal, whichever, ends the process as without us: the step under way takes seconds.
start impatient --set train.steps=2 --set model.width=1024 --set model.heads=1 --set data.block_size=512 --set train.batch_size=16 \
  --set seqpe.shift.pool=100 --set eval.lengths=[16]
check "the first step is under way" wait_for grep -q "MB a checkpoint" impatient.err
sleep 0.3
kill -TERM "$pid"
sleep 0.2
end INT
status=$?
check "SIGTERM then SIGINT ends by SIGINT, got $status" test "$status" -eq 130

# Whoever reads the lines may leave: the run goes on, and what cannot be told at its end is an error of that.
train --run unread --set train.steps=300 --set log.every=1 2>&1 | head -n 1 > head.out
status=${PIPESTATUS[0]}
check "the reader had its line" grep -q "^positions seqpe" head.out
check "a reader that leaves makes standard output incomplete: exit 1, got $status" test "$status" -eq 1
check "the run comes to its end" test -e unread/checkpoints/step_00000300/COMPLETE
check "train.log has what nobody read" grep -q "^step 300/300" unread/train.log

# eval has nothing to save.
env --default-signal=INT,TERM "$engine" eval lm --checkpoint final --lengths 8,9,10,11,12,13 -v --json > eval.json 2> eval.err &
pid=$!
check "eval comes to its second length" wait_for grep -q "^length 8:" eval.err
end INT
status=$?
check "SIGINT while eval exits 75, got $status" test "$status" -eq 75
check "and prints no half result" test ! -s eval.json
finish
