#!/usr/bin/env bash
# Checkpoints: damage, other formats, pruning, a full disk, divergence.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

check "a run to damage" train --quiet --run whole --set train.steps=4 --set checkpoint.every=2
step=checkpoints/step_00000004

# Every file that COMPLETE lists, one bit flipped, one byte short, or gone: refused by its name, reading nothing of it.
flip='import sys; f = open(sys.argv[1], "r+b"); data = f.read(); at = len(data) // 2; f.seek(at); f.write(bytes([data[at] ^ 1]))'
for file in model.safetensors model_1.safetensors optimizer.rank_000_of_001.safetensors trainer_state.json config.yaml pe_config.json; do
  cp -r whole damaged
  python3 -c "$flip" "damaged/$step/$file"
  expect 5 "$file was changed since it was written: its SHA-256 differs" train --run damaged --resume auto --set train.steps=6
  case $file in
    optimizer.*) expect 0 "token ppl" "$engine" eval lm --checkpoint damaged ;; # an evaluation needs no moments
    *) expect 5 "$file was changed" "$engine" eval lm --checkpoint damaged ;;
  esac
  truncate -s -1 "damaged/$step/$file"
  expect 5 "$file must have" train --run damaged --resume auto --set train.steps=6
  rm "damaged/$step/$file"
  expect 5 "$file" train --run damaged --resume auto --set train.steps=6
  rm -r damaged
done
cp -r whole damaged
printf '{"format_version": 1, "fil' > "damaged/$step/COMPLETE"
expect 5 "COMPLETE: parse error at line 1" train --run damaged --resume auto --set train.steps=6
printf '{"format_version": 2, "files": {}}' > "damaged/$step/COMPLETE"
expect 5 "format_version must be at most 1, got 2. Hint: a newer seqpe_engine" train --run damaged --resume auto --set train.steps=6
expect 5 "format_version must be at most 1, got 2" "$engine" eval lm --checkpoint "damaged/$step"
cp -r whole nameless
rm "nameless/$step/config.yaml"
expect 5 "config.yaml" "$engine" eval lm --checkpoint "nameless/$step"
rm "damaged/$step/COMPLETE"
expect 5 "must hold a file COMPLETE" "$engine" eval lm --checkpoint "damaged/$step"
expect 5 "must hold a file COMPLETE" train --run other --resume "damaged/$step"
expect 0 "resumed at step 2 of 6" train --run damaged --resume auto --set train.steps=6
expect 5 "must be a folder" "$engine" eval lm --checkpoint nowhere
mkdir -p hollow/checkpoints bare
expect 5 "holds no complete checkpoint" "$engine" eval lm --checkpoint hollow
expect 5 "must be a checkpoint" "$engine" eval lm --checkpoint bare
start young --set train.steps=1000000 --set checkpoint.every=0
check "a run begins" wait_for test -s young/metrics.jsonl
expect 5 "the run young has no checkpoint yet" "$engine" eval lm --checkpoint young
end KILL

# A checkpoint of format 1, kept since it was today's: it must load, evaluate to the same, and train on.
kept=$tests/data/checkpoint_v1
"$engine" eval lm --checkpoint "$kept" --lengths 16,64 --max-lines 20 --json --quiet > kept.json
python "the kept checkpoint evaluates to what it did" "$kept/expected_eval.json" << 'PYTHON'
import json, sys
expected, got = json.load(open(sys.argv[1])), json.load(open("kept.json"))
assert got["weights_sha256"] == expected["weights_sha256"]
for e, g in zip(expected["results"], got["results"], strict=True):
    assert e["tokens"] == g["tokens"] and abs(e["nll"] - g["nll"]) < 2e-5 * e["nll"], (e, g)
PYTHON
check "the kept checkpoint trains on" "$engine" train lm --quiet --config "$kept/config.yaml" --run grown --resume "$kept" \
  --set train.steps=6
check "and counts its steps on" test -e grown/checkpoints/step_00000006/COMPLETE

# Pruning: keep_last and keep_every, never latest or best. A learning rate of zero makes the first evaluation the best.
check "a run to prune" train --quiet --run pruned --set train.steps=11 --set checkpoint.every=1 --set checkpoint.keep_last=2 \
  --set checkpoint.keep_every=4 --set train.eval_every=1 --set train.schedule=constant --set train.learning_rate=0 --set train.encoder_learning_rate=0
check "keeps best (1), every fourth, the last two" test \
  "$(cd pruned/checkpoints && echo *)" = "best latest step_00000001 step_00000004 step_00000008 step_00000010 step_00000011"
check "best is the first" test "$(readlink pruned/checkpoints/best)" = step_00000001
check "latest is the last" test "$(readlink pruned/checkpoints/latest)" = step_00000011
"$engine" eval lm --checkpoint pruned --max-lines 5 --json --quiet > pruned.json
check "eval of a run takes best" grep -q "$(cat pruned/checkpoints/step_00000001/model*.safetensors | sha256sum | cut -d' ' -f1)" pruned.json
check "and tells it" python3 -c 'import json, os; e = json.load(open("pruned.json")); assert (e["checkpoint"], e["step"]) == \
  (os.path.abspath("pruned/checkpoints/step_00000001"), 1), e'
expect 0 "pruned/checkpoints/step_00000001 (best, step 1)" "$engine" eval lm --checkpoint pruned --max-lines 5
rm pruned/checkpoints/best
expect 0 "pruned/checkpoints/step_00000011 (latest, step 11)" "$engine" eval lm --checkpoint pruned --max-lines 5
expect 0 "pruned/checkpoints/step_00000010 (step 10)" "$engine" eval lm --checkpoint pruned/checkpoints/step_00000010 --max-lines 5
rm pruned/checkpoints/latest/COMPLETE
expect 0 "step_00000011 has no COMPLETE: it was not written to its end. step_00000010 is taken." "$engine" eval lm --checkpoint pruned --max-lines 5
expect 0 "pruned/checkpoints/step_00000010 (newest complete, step 10)" "$engine" eval lm --checkpoint pruned --max-lines 5

# Diverged: exit 7, the last checkpoint whole, nothing written of the step that failed.
expect 7 "not finite" train --run diverged --set train.steps=40 --set checkpoint.every=1 --set train.learning_rate=1e30 \
  --set train.clip=0 --set train.encoder_clip=0 --set train.schedule=constant
last=$(readlink -f diverged/checkpoints/latest)
# Its weights are finite, but so large that an evaluation is not.
check "its last checkpoint is whole" "$engine" train lm --config diverged/config.yaml --run after --resume "$last" --quiet --set data.valid_path= \
  --set train.steps="$(($(basename "$last" | tr -dc 0-9 | sed 's/^0*//') + 0))"

# A full disk: exit 1 with the file and the reason, the previous checkpoint whole, nothing half written. The file-size limit
# (in KiB) lets metrics.jsonl through, not the weights of the wider model.
mkdir small
if mount -t tmpfs -o size=256k tmpfs small 2> /dev/null; then
  check "room for one checkpoint" train --quiet --run small/run --set train.steps=2 --set checkpoint.every=1
  expect 1 "No space left on device" train --run small/run --resume auto --set train.steps=6 --set checkpoint.every=1
  check "the previous checkpoint is whole" "$engine" eval lm --checkpoint small/run --max-lines 5
  check "nothing is left half written" bash -c '! ls small/run/checkpoints | grep -q tmp_'
else
  skip "a small tmpfs: mounting is not permitted here"
fi
check "a run before the limit" train --quiet --run limited --set train.steps=2
(
  ulimit -f 8
  expect 1 "File too large" train --run limited --resume auto --set train.steps=3
  exit "$failures"
) || failures=$((failures + 1))
check "the previous checkpoint is whole" "$engine" eval lm --checkpoint limited --max-lines 5
check "and the run goes on when there is room" train --quiet --run limited --resume auto --set train.steps=3
finish
