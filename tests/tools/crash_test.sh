#!/usr/bin/env bash
# kill -9 at many instants of a run that saves after every step: it always goes on, and ends where the one that was left
# alone ends.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

steps=(--set train.steps=4000 --set checkpoint.every=1 --set checkpoint.keep_last=1 --set train.eval_every=50
  --set eval.max_lines=2 --set train.schedule=constant)
start crashed "${steps[@]}"
last=0
for round in $(seq 12); do
  wait_for test -s crashed/metrics.jsonl
  sleep "0.$((round * 37 % 80 + 10))"  # 0.1 to 0.9 seconds
  end KILL
  if [ -L crashed/checkpoints/latest ]; then
    check "round $round: the newest checkpoint is whole" "$engine" eval lm --checkpoint "$(readlink -f crashed/checkpoints/latest)" \
      --lengths 16 --max-lines 1
    reached=$(step_of crashed)
    check "round $round: nothing is lost ($last, now $reached)" test "$reached" -ge "$last"
    last=$reached
  fi
  start crashed --resume auto "${steps[@]}"
done
check "there were crashes after the first step and before the last" test "$last" -gt 1 -a "$last" -lt 4000
end KILL
finish_at=$(($(step_of crashed) + 3))
check "goes on to its end" train --quiet --run crashed --resume auto "${steps[@]}" --set train.steps="$finish_at"
check "the same without crashes" train --quiet --run calm "${steps[@]}" --set checkpoint.every=0 --set train.steps="$finish_at"
for file in model.safetensors model_1.safetensors optimizer.rank_000_of_001.safetensors; do
  check "$file is equal" cmp "calm/checkpoints/latest/$file" "crashed/checkpoints/latest/$file"
done
check "nothing is left half written" bash -c '! ls crashed/checkpoints | grep -q tmp_'
finish
