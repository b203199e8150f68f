#!/usr/bin/env bash
# The command as a user meets it: exit codes, resume, bad input.
#   command_test.sh SEQPE_ENGINE TESTS_DIR
set -uo pipefail
engine=$1
tests=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# expect CODE TEXT command...: the command must exit with CODE and print TEXT somewhere.
expect() {
  local code=$1 text=$2 output status
  shift 2
  output=$("$@" 2>&1)
  status=$?
  if [ "$status" -ne "$code" ] || [[ "$output" != *"$text"* ]]; then
    echo "FAILED (exit $status, expected $code with '$text'): $*"
    echo "$output" | tail -5
    failures=$((failures + 1))
  fi
}

# check TEXT command...: the command must succeed.
check() {
  local what=$1
  shift
  "$@" || { echo "FAILED: $what"; failures=$((failures + 1)); }
}

tiny=(--set model.layers=1 --set model.width=16 --set model.heads=2 --set seqpe.encoder.width=16
  --set seqpe.encoder.heads=2 --set data.block_size=16 --set train.batch_size=4 --set seqpe.shift.blocks=2
  --set "eval.lengths=[16, 32]" --set train.warmup_steps=2 --set model.dropout.residual=0.1
  --set model.dropout.attention=0.1 --set seqpe.encoder.dropout.residual=0.1 --set eval.max_lines=20
  --set data.reader=lines --set "compare=[]")
# shellcheck disable=SC2317  # called through expect and check
train() { "$engine" train lm --config quickstart_lm "${tiny[@]}" "$@"; }

expect 0 "seqpe_engine" "$engine" --version
expect 0 "quickstart_lm" "$engine" config recipes
expect 0 "train.steps" "$engine" config keys
expect 2 "Did you mean 'train'" "$engine" trian lm
expect 2 "" "$engine" train lm --no-such-option
expect 3 "unknown key 'train.stepz'" train --set train.stepz=1
expect 3 "Did you mean 'train.steps'" train --set train.stepz=1
printf 'seqpe:\n  max_digits: abc\n' > wrong.yaml
expect 3 'seqpe.max_digits: expected integer >= 1 or auto, got "abc" (wrong.yaml:2)' "$engine" train lm --config wrong.yaml
expect 3 "model.heads must divide model.width 16, got 3" train --set model.heads=3
expect 3 "there is no file or recipe 'quickstart'" "$engine" train lm --config quickstart
expect 4 "nowhere.txt" train --set data.path=nowhere.txt
: > empty.txt
expect 4 "is empty" train --set data.path=empty.txt
expect 6 "no CUDA kernels" train --device cuda
expect 7 "not finite" train --run diverged --set train.steps=20 --set train.learning_rate=1e30 --set train.clip=0 \
  --set train.encoder_clip=0
expect 0 "parameters in the model" train --run dry --dry-run
check "--dry-run writes nothing" test ! -e dry

# N steps == N/2 + resume + N/2, bit for bit.
check "8 steps" train --quiet --run whole --set train.steps=8 --set checkpoint.every=4 > /dev/null
expect 2 "must be empty" train --run whole --set train.steps=8
mkdir half
cp -r whole/checkpoints half/
rm -rf half/checkpoints/step_00000008 half/checkpoints/latest half/checkpoints/best
check "the first half is there" test -e half/checkpoints/step_00000004/COMPLETE
head -4 whole/metrics.jsonl > half/metrics.jsonl
echo '{"step": 5, "loss": 99}' >> half/metrics.jsonl
check "resume" train --quiet --run half --resume auto --set train.steps=8 --set checkpoint.every=4 > /dev/null
for file in model.safetensors model_1.safetensors optimizer.rank_000_of_001.safetensors; do
  check "$file is equal after resume" cmp -s whole/checkpoints/step_00000008/$file half/checkpoints/step_00000008/$file
done
without_times() { sed -E 's/"seconds":[^,}]*//' "$1"; }
check "metrics are equal after resume" test "$(without_times whole/metrics.jsonl)" = "$(without_times half/metrics.jsonl)"

# The result does not depend on the number of threads, nor (to rounding) on micro-batches.
check "1 thread" train --quiet --run one --set train.steps=8 --set train.threads=1 > /dev/null
check "threads change nothing" cmp -s whole/checkpoints/step_00000008/model.safetensors one/checkpoints/step_00000008/model.safetensors
check "micro-batches" train --quiet --run micro --set train.steps=8 --set train.micro_batch_size=2 > /dev/null
check "micro-batches agree" python3 - <<'PYTHON'
import json
losses = [[json.loads(line)["loss"] for line in open(f"{run}/metrics.jsonl") if "loss" in json.loads(line)] for run in ("whole", "micro")]
assert len(losses[0]) == len(losses[1]) == 8
assert all(abs(a - b) < 1e-5 * abs(a) for a, b in zip(*losses)), losses
PYTHON

# Damaged checkpoints are refused and lose nothing.
cp -r whole damaged
printf 'x' | dd of=damaged/checkpoints/step_00000008/model.safetensors bs=1 seek=2000 conv=notrunc status=none
expect 5 "SHA-256 differs" "$engine" eval lm --checkpoint damaged
truncate -s 1000 damaged/checkpoints/step_00000008/model.safetensors
expect 5 "must have" train --run damaged --resume auto --set train.steps=12
rm damaged/checkpoints/step_00000008/COMPLETE
expect 5 "COMPLETE" train --run other --resume damaged/checkpoints/step_00000008
expect 5 "must be a folder" "$engine" eval lm --checkpoint nowhere
expect 3 "needs 6 digits" "$engine" eval lm --checkpoint whole --set eval.start=99999
expect 2 "data.valid_path is empty" "$engine" eval lm --checkpoint "$tests/golden/checkpoint_lm" --tokenizer "$tests/data/gpt2_tokenizer"
expect 4 "the tokeniser must have the model's vocabulary of 50257 tokens, has 256" "$engine" eval lm \
  --checkpoint "$tests/golden/checkpoint_lm" --tokenizer bytes

# SIGTERM: the step is finished, a checkpoint written, exit code 75; then the run goes on.
"$engine" train lm --config quickstart_lm "${tiny[@]}" --run stopped --set train.steps=100000 > /dev/null 2>&1 &
pid=$!
for _ in $(seq 100); do [ -s stopped/metrics.jsonl ] && break; sleep 0.1; done
expect 2 "in use by another process" train --run stopped --resume auto
kill -TERM $pid
wait $pid
status=$?
check "SIGTERM exits 75, got $status" test "$status" -eq 75
check "SIGTERM leaves a checkpoint" test -e stopped/checkpoints/latest/COMPLETE
steps=$(python3 -c 'import json; print(json.load(open("stopped/checkpoints/latest/trainer_state.json"))["step"] + 2)')
check "goes on after SIGTERM" train --quiet --run stopped --resume auto --set train.steps="$steps" > /dev/null

# The reference's checkpoint gives the reference's perplexities.
"$engine" eval lm --checkpoint "$tests/golden/checkpoint_lm" --tokenizer "$tests/data/gpt2_tokenizer" \
  --data "$tests/data/wikitext2/valid.txt" --lengths 64,128,256,512 --max-lines 400 --json > eval.json
check "eval equals the reference" python3 - "$tests" <<'PYTHON'
import json, sys
expected = json.load(open(sys.argv[1] + "/golden/checkpoint_lm/expected_eval.json"))["results"]
got = json.load(open("eval.json"))["results"]
assert len(expected) == len(got)
for e, g in zip(expected, got):
    for key, value in e.items():
        assert abs(g[key] - value) <= 2e-5 * abs(value), (key, value, g[key])
PYTHON

[ "$failures" -eq 0 ] && echo "command_test: all passed"
exit $((failures > 0))
