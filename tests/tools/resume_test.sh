#!/usr/bin/env bash
# Going on with a run: bit-equal, --resume auto, another model, the lock.
# shellcheck disable=SC2016  # bash -c expands it
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

# N steps == N/2 + resume + N/2, bit for bit, whatever the number of threads.
eight=(--quiet --set train.steps=8 --set checkpoint.every=4 --set train.eval_every=2 --set checkpoint.keep_last=9)
check "8 steps" train --run whole "${eight[@]}" --set train.threads=2
mkdir half
cp -r whole/checkpoints half/
rm -rf half/checkpoints/step_0000000[5-8] half/checkpoints/latest half/checkpoints/best
check "the first half is there" test -e half/checkpoints/step_00000004/COMPLETE
sed '/"step":5/,$d' whole/metrics.jsonl > half/metrics.jsonl
echo '{"step":5,"loss":99}' >> half/metrics.jsonl
printf '{"step":6,"lo' >> half/metrics.jsonl
check "resume with one thread" train --run half --resume auto "${eight[@]}" --set train.threads=1
same_step whole half 8
same_metrics whole half
check "four threads" train --run four "${eight[@]}" --set train.threads=4
same_step whole four 8
check "a finished run resumed ends well" train --run half --resume auto "${eight[@]}"
same_metrics whole half
check "command.txt keeps both commands" test "$(wc -l < half/command.txt)" -eq 2
mkdir half/checkpoints/tmp_step_00000004
check "what a crash left half pruned goes, even at the last step" bash -c \
  '"$engine" train lm "$@" && [ ! -e half/checkpoints/tmp_step_00000004 ]' _ "${tiny[@]}" --run half --resume auto "${eight[@]}"
check "a run of ours goes on by its config.yaml" "$engine" train lm --config half/config.yaml --run half \
  --resume auto --quiet --set train.steps=9
# Mixed precision: what goes on is the float32 value, not its rounding.
mixed=("${eight[@]}" --set train.precision=bf16)
check "8 steps in bf16" train --run mixed "${mixed[@]}"
mkdir mixed_half
cp -r mixed/checkpoints mixed_half/
rm -rf mixed_half/checkpoints/step_0000000[5-8] mixed_half/checkpoints/latest mixed_half/checkpoints/best
sed '/"step":5/,$d' mixed/metrics.jsonl > mixed_half/metrics.jsonl
check "resume in bf16" train --run mixed_half --resume auto "${mixed[@]}"
same_step mixed mixed_half 8
same_metrics mixed mixed_half
check "bf16 was computed with" bash -c '! cmp -s mixed/checkpoints/latest/model.safetensors whole/checkpoints/latest/model.safetensors'
check "its checkpoints are float32" cmp <(head -c 2000 mixed/checkpoints/latest/model.safetensors | grep -aoE 'F32|BF16' | sort -u) <(echo F32)
check "micro-batches" train --run micro "${eight[@]}" --set train.micro_batch_size=2
python "micro-batches agree to rounding" << 'PYTHON'
import json
losses = [[json.loads(line)["loss"] for line in open(f"{run}/metrics.jsonl") if "loss" in json.loads(line)] for run in ("whole", "micro")]
assert len(losses[0]) == len(losses[1]) == 8
assert all(abs(a - b) < 1e-5 * abs(a) for a, b in zip(*losses)), losses
PYTHON

# Which folder, which checkpoint.
expect 2 "must be empty for a new run" train --run whole
expect 2 "whole/config.yaml must be a folder" train --run whole/config.yaml
expect 0 "" train --quiet --run fresh --resume auto --set train.steps=2
check "--resume auto starts where there is nothing" test -e fresh/checkpoints/step_00000002/COMPLETE
check "--resume PATH into a new run" train --run branch --resume whole/checkpoints/step_00000004 "${eight[@]}"
same_step whole branch 8
cp -r whole older
check "--resume PATH into its own run" train --run older --resume older/checkpoints/step_00000004 "${eight[@]}" \
  --set train.steps=5
check "best is of the steps that the run went on from" test "$(readlink older/checkpoints/best | tr -dc 0-9 | sed 's/^0*//')" -le 5
check "metrics are cut back to the resumed step" test "$(grep -c '"loss"' older/metrics.jsonl)" -eq 5
check "then auto goes on with what was written last" bash -c \
  '"$engine" train lm --config older/config.yaml --run older --resume auto 2>&1 --set train.steps=6 | grep -q "resumed at step 5 of 6"'
rm -rf half/checkpoints/step_00000009/COMPLETE half/checkpoints/latest
check "a folder without COMPLETE is not resumed" bash -c \
  '"$engine" train lm --config half/config.yaml --run half --resume auto 2>&1 --set train.steps=9 | grep -q "resumed at step 8 of 9"'
expect 5 "nowhere must be a folder" train --run other --resume nowhere
expect 5 "whole is a run, not a checkpoint. Hint: --run whole --resume auto" train --run other --resume whole
check "a refused --resume leaves no folder" test ! -e other
expect 5 "nowhere must be a folder" train --resume nowhere
expect 5 "nowhere must be a folder" train --run new/deep/er/ --resume nowhere
mkdir -p kept/by_others
expect 5 "nowhere must be a folder" train --run kept/run --resume nowhere
check "nor those above it" test ! -e runs -a ! -e new -a "$(ls kept)" = by_others
cp -r half before
expect 2 "half must be empty to go on from whole/checkpoints/step_00000004, which is not of that run" train --run half \
  --resume whole/checkpoints/step_00000004 "${eight[@]}"
check "a run that is not the checkpoint's stays as it was" diff -r half before
expect 0 'train.batch_size was 4, is 2; data.path was "builtin:tale_of_two_cities.txt", is "builtin:tale_of_two_cities_valid.txt"' \
  train --run branch --resume auto --set train.steps=9 --set train.batch_size=2 --set data.path=builtin:tale_of_two_cities_valid.txt

# Another model is refused by the key that differs, and the run stays as it was.
cp whole/config.yaml kept.yaml
while IFS='|' read -r setting message; do
  expect 5 "$message" train --run whole --resume auto --set train.steps=12 --set "$setting"
done << 'TABLE'
model.width=16|model.width is 8 there, 16 was asked for
model.layers=2|model.layers is 1 there, 2 was asked for
model.activation=gelu|model.activation is gelu_new there, gelu was asked for
model.position=none|model.position is seqpe there, none was asked for
seqpe.apply=attn_add|seqpe.apply is attn_scalar there, attn_add was asked for
seqpe.max_digits=6|seqpe.max_digits is 5 there, 6 was asked for
seqpe.encoder.heads=1|seqpe.encoder.heads is 2 there, 1 was asked for
train.seed=2|train.seed 1, asked to go on with 2
TABLE
expect 5 "data.tokenizer has 256 tokens there, 50257 were asked for" train --run whole --resume auto --set train.steps=12 \
  --set data.tokenizer="$tests/data/gpt2_tokenizer"
check "a refused resume leaves config.yaml" cmp kept.yaml whole/config.yaml
expect 0 "resumed at step 8 of 9" train --run whole --resume auto --set train.steps=9 --set train.learning_rate=1e-4 \
  --set seqpe.contrastive.weight=0.2 --set model.dropout.residual=0.0

# --dry-run refuses what the training would, and leaves the run as it is.
cp -r whole before_plan
expect 2 "must be empty for a new run" train --run whole --dry-run
expect 2 "--resume auto needs --run" train --resume auto --dry-run
expect 5 "model.layers is 1 there, 2 was asked for" train --run whole --resume auto --set train.steps=12 --set model.layers=2 --dry-run
expect 5 "nowhere must be a folder" train --resume nowhere --dry-run
expect 0 "parameters in the model" train --run whole --resume auto --set train.steps=12 --dry-run
check "--dry-run writes nothing into a run" diff -r whole before_plan

# --init-from takes the weights, of a run or of a checkpoint.
for from in whole whole/checkpoints/latest; do
  check "--init-from $from" train --quiet --run "init_${#from}" --init-from "$from" --set train.steps=2
done
expect 5 "must have shape" train --init-from whole --set model.width=16
mkdir reversed
python "as many tokens, in the other order" << 'PYTHON'
import json
codes = [b if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174 else None for b in range(256)]
others = iter(range(256, 512))
characters = [chr(next(others) if code is None else code) for code in codes]
json.dump({c: 255 - byte for byte, c in enumerate(characters)}, open("reversed/vocab.json", "w"))
open("reversed/merges.txt", "w").write("#version: 0.2\n")
PYTHON
expect 5 "data.tokenizer has another token 0 there" train --init-from whole --set data.tokenizer=reversed
cp -rL whole/checkpoints/latest bare
rm bare/byte_tokenizer.json bare/COMPLETE bare/trainer_state.json
check "--init-from takes weights without a tokeniser" train --quiet --run init_bare --init-from bare --set train.steps=2 \
  --set data.tokenizer=reversed
expect 3 "train.steps must be at least the 9 that" train --run whole --resume auto --set train.steps=7
expect 2 "this one goes on from" train --run whole --resume auto --init-from whole
expect 2 "must come without rivals (compare)" train --init-from whole --set compare='[learned]'
expect 5 "must be a folder" train --init-from nowhere

# Two runs in one folder.
start locked --set train.steps=100000
check "the first run starts" wait_for test -s locked/metrics.jsonl
expect 2 "in use by another process" train --run locked --resume auto
end KILL
check "the lock goes with its process" train --quiet --run locked --resume auto --set train.steps=2
finish
