#!/usr/bin/env bash
# What a person sees: lines, train.log, -v, --quiet, the bar on a terminal; the files of a run.
# shellcheck disable=SC2016  # bash -c expands it
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

short=(--set "eval.lengths=[16, 32]" --set train.steps=6 --set log.every=2 --set checkpoint.every=3)
train --run plain "${short[@]}" > plain.out 2> plain.err
check "train.log holds the lines of stderr" cmp plain/train.log plain.err
check "a line every log.every steps" test "$(grep -c '^step ' plain.err)" -eq 3
for part in "step 2/6 loss" " task " " contrastive " " grad_norm " " encoder_grad_norm " " lr " "tok/s" "ETA"; do
  check "a line tells '$part'" grep -q -- "$part" plain.err
done
check "the size is told before" grep -q "parameters in the model" plain.err
check "no bar and no colour in a pipe" bash -c '! grep -q $'"'"'[\r\x1b]'"'"' plain.err'
check "stdout has the table and the run" bash -c 'grep -aq "Token perplexity" plain.out && grep -aq "^Run: plain" plain.out'

check "two runs without --run" bash -c 'for i in 1 2; do "$engine" train lm "$@" || exit 1; done' - "${tiny[@]}" --quiet --set train.steps=2
check "lie in runs/, named by recipe and time" test \
  "$(find runs -mindepth 1 -maxdepth 1 | grep -cE '^runs/tiny-[0-9]{8}-[0-9]{6}(-2)?$')" -eq 2
yes | head -c 20000000 > long.txt  # reading it takes longer than starting
sleep "$(awk "BEGIN { print 1 - 0.$(date +%N) }")"  # to the next second, so that both choose the same name
check "and two at the same time" bash -c 'for i in 1 2; do "$engine" train lm "$@" & jobs+=($!); done; wait "${jobs[0]}" && wait "${jobs[1]}"' \
  - "${tiny[@]}" --quiet --set train.steps=2 --set data.path=long.txt
check "lie beside each other" test "$(find runs -mindepth 1 -maxdepth 1 | wc -l)" -eq 4
for file in config.yaml command.txt env.json train.log metrics.jsonl checkpoints/latest/COMPLETE checkpoints/best/COMPLETE; do
  check "a run has $file" test -e "plain/$file"
done
check "command.txt is quoted for a shell" grep -qF -- "--set 'eval.lengths=[16, 32]'" plain/command.txt
check "config.yaml gives itself" bash -c '"$engine" config show --config plain/config.yaml | cmp - plain/config.yaml'
python "env.json tells the build and the device" plain/env.json << 'PYTHON'
import json, sys
environment = json.load(open(sys.argv[1]))
assert list(environment) == ["version", "commit", "compiler", "gemm", "instruction_set", "threads", "processes", "device"], environment
assert environment["device"] == "cpu", environment
PYTHON
python "metrics.jsonl has the promised keys" plain/metrics.jsonl << 'PYTHON'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
steps = [line for line in lines if "eval" not in line]
keys = ["step", "loss", "task_loss", "contrastive_loss", "transfer_loss", "grad_norm", "encoder_grad_norm",
        "learning_rate", "tokens", "seconds"]
assert [list(line) for line in steps] == [keys] * 6, steps[0].keys()
assert [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6]
assert [line["tokens"] for line in steps] == [64 * n for n in range(1, 7)]
assert any(line["transfer_loss"] is None for line in steps), "a shifted step has no transfer loss"
assert any(line["transfer_loss"] is not None for line in steps)
assert all(abs(line["loss"] - line["task_loss"] - 0.1 * line["contrastive_loss"] - 0.1 * (line["transfer_loss"] or 0)) < 1e-5
           for line in steps)
evaluations = [line for line in lines if "eval" in line]
assert len(evaluations) == 1 and evaluations[0]["step"] == 6 and evaluations[0]["eval"]["length"] == 16
PYTHON

check "--quiet trains" train --run quiet --quiet "${short[@]}"
train --run quiet2 --quiet "${short[@]}" 2> quiet.err > quiet.out
check "--quiet leaves stderr empty" test ! -s quiet.err
check "--quiet keeps the results on stdout" cmp <(grep -av ^Run quiet.out) <(grep -av ^Run plain.out)
check "--quiet keeps train.log" grep -q '^step 6/6' quiet2/train.log
expect 0 "instruction sets" train --run verbose -v "${short[@]}"
check "no length is evaluated twice at the end" grep -q '^length 16: as it was evaluated last$' verbose/train.log
check "-v tells the memory that was used" grep -q "tensors .* MB at peak" verbose/train.log
train --run failing "${short[@]}" --set train.learning_rate=1e30 --set train.clip=0 --set train.encoder_clip=0 \
  --set train.steps=50 2> /dev/null
check "train.log tells the error that ended a run" grep -q "^error: .*not finite" failing/train.log

# A terminal of 70 columns.
on_terminal() {
  # shellcheck disable=SC2089
  local run=$1
  shift
  script -qc "stty cols 70; exec env $* $engine train lm $(printf '%q ' "${tiny[@]}" "${short[@]}") --run $run" /dev/null < /dev/null
}
if script -qc true /dev/null < /dev/null > /dev/null 2>&1; then
  on_terminal bar TERM=xterm > bar.screen
  check "a terminal gets a bar" grep -qF '[######..............] step 2/6' bar.screen
  check "with the time left and the rate" grep -qE 'ETA [0-9]+m[0-9]+s +[0-9]+ tok/s' bar.screen
  check "the evaluation has a bar" grep -q '#.*\] evaluating length 32:' bar.screen
  python "no drawn line is wider than the terminal" bar.screen << 'PYTHON'
import sys
drawn = [part for part in open(sys.argv[1], newline="", errors="replace").read().split("\x1b[K") if part.startswith("[")]
assert drawn and all(len(part.split("\r")[0]) < 70 for part in drawn), drawn
PYTHON
  check "train.log has the lines and no bar" cmp <(sed -E 's/ETA.*tok.s//' bar/train.log | grep ^step) \
    <(sed -E 's/ETA.*tok.s//' plain/train.log | grep ^step)
  check "no bar in train.log" bash -c '! grep -q $'"'"'[\r\x1b]'"'"' bar/train.log'
  for plain in TERM=dumb "TERM=xterm NO_COLOR=1"; do
    on_terminal "no_bar${#plain}" "$plain" > no_bar.screen
    check "$plain: no bar" bash -c '! grep -aq "\[###" no_bar.screen && grep -aq "^step 2/6" no_bar.screen'
  done
else
  skip "no pseudo-terminal: script does not run here"
fi
finish
