#!/usr/bin/env bash
# Commands, help, configuration, exit codes 2, 3, 4 and 6, --dry-run.
# shellcheck disable=SC2016  # bash -c expands it
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

expect 0 "seqpe_engine" "$engine" --version
expect 0 "instruction sets" "$engine" --version
for command in "" "train" "train lm" "eval" "eval lm" "config" "config show" "config keys" "config validate" "config recipes" "data" "data prepare" "data inspect" "data verify" "bench" "bench train" "bench eval" "bench kernels" "bench data" "doctor"; do
  # shellcheck disable=SC2086  # the words of the command
  help=$("$engine" $command --help)
  check "'$command --help' gives examples before its options" grep -q '^Examples:' <<< "${help%%Options:*}"
done
for option in --config --run --resume --init-from --device; do
  check "train lm --help tells the default of $option" grep -qE -- "$option .*default" <<< "$("$engine" train lm --help | tr -d "\n" | sed "s/   --/\n--/g; s/  --/\n--/g")"
done
for command in "train lm" "eval lm" "bench train" "bench eval"; do
  # shellcheck disable=SC2086  # the words of the command
  help=$("$engine" $command --help | tr -s ' \n' ' ')
  default=train.device
  [ "$command" != "eval lm" ] || default=auto
  check "$command --help tells the devices" grep -qF -- "--device TEXT:{auto,cpu,cuda} Where to compute; default $default" <<< "$help"
done

expect 0 "GOMP_SPINCOUNT = '1000'" env -u OMP_WAIT_POLICY OMP_DISPLAY_ENV=verbose "$engine" --version
places() { env -u OMP_WAIT_POLICY "$@" OMP_PROC_BIND=true OMP_DISPLAY_ENV=true "$engine" --version 2>&1 | grep OMP_PLACES | tail -1; }
check "bound threads keep their cores" test "$(places A=1)" = "$(places OMP_WAIT_POLICY=active)"
expect 0 "OMP_WAIT_POLICY = 'ACTIVE'" env OMP_WAIT_POLICY=active OMP_DISPLAY_ENV=true "$engine" --version
# What stderr cannot take ends no work.
check "a full stderr" bash -c '"$engine" train lm "$@" 2> /dev/full' _ --config "$tests/tools/tiny.yaml" --run full --set train.steps=3
check "saves all the same" test -f full/checkpoints/step_00000003/COMPLETE
bash -c '"$engine" eval lm --checkpoint missing 2> /dev/full'
check "an error that cannot be told keeps its exit code" test $? -eq 5
expect 1 "standard output is not complete: No space left on device" bash -c '"$engine" config recipes > /dev/full'

"$engine" config keys --markdown > configuration.md
check "docs/configuration.md is up to date (config keys --markdown writes it)" cmp configuration.md "$tests/../docs/configuration.md"

expect 0 "GFLOP/s" "$engine" doctor
"$engine" doctor --json > doctor.json
python "doctor --json is one object" << 'PYTHON'
import json, os, subprocess
facts = json.load(open("doctor.json"))
version = subprocess.run([os.environ["engine"], "--version"], check=True, capture_output=True, text=True).stdout
assert set(facts) == {"machine", "cpu", "cuda"}, facts
cuda, headers = facts["cuda"], facts["cuda"]["CUDA Toolkit"].split(",")[0]
assert cuda["device cuda"] and cuda["driver"], facts
# Either the build has the headers of all that it needs, or of none.
assert headers.startswith("headers 1") or headers == "headers not in this build", headers
assert ("headers not in this build" in cuda["cuBLASLt"]) == ("not in this build" in headers), facts
assert all("headers" in cuda[name] for name in ("cuBLASLt", "cuDNN", "NCCL")), facts
assert ("headers not in this build" in facts["cpu"]["oneDNN"]) == ("CPU GEMM ONEDNN" not in version), (facts, version)
assert "CUDA emulated" not in version or headers == "headers not in this build", (facts, version)
PYTHON
mkdir toolkit
printf '#!/bin/sh\necho "Cuda compilation tools, release 12.4, V12.4.131"\n' > toolkit/nvcc
chmod +x toolkit/nvcc
expect 0 "nvcc 12.4.131 ($PWD/toolkit/nvcc)" env "PATH=$PWD/toolkit:$PATH" "$engine" doctor
printf '#!/bin/sh\nexit 1\n' > toolkit/nvcc
expect 0 "nvcc of unknown version ($PWD/toolkit/nvcc)" env "PATH=$PWD/toolkit:$PATH" "$engine" doctor
if ! ldconfig -p | grep -q 'libcuda\.so\.1 '; then
  expect 0 "missing (no libcuda.so.1): apt install cuda-drivers" "$engine" doctor
fi

# 2: usage
expect 2 "--resume: must not be empty" train --resume "" --run never
expect 2 "--run: must not be empty" "$engine" train lm --run ""
expect 2 "'trian' is no command of 'seqpe_engine', which has: train, eval, config, data, bench, doctor. Did you mean 'train'?" "$engine" trian lm
expect 2 "'qa' is no command of 'seqpe_engine train', which has: lm, vit." "$engine" train qa
expect 2 "a command must follow 'seqpe_engine', which has: train, eval, config, data, bench, doctor." "$engine"
expect 2 "a command must follow 'seqpe_engine train', which has: lm, vit." "$engine" train
expect 2 "a command must follow 'seqpe_engine config'" "$engine" config
expect 2 "" "$engine" train lm --no-such-option
for command in "train lm" "eval lm --checkpoint x" "bench train" "bench eval --lengths 4"; do
  # shellcheck disable=SC2086  # the words of the command
  expect 2 "--device: tpu not in {auto,cpu,cuda}" "$engine" $command --device tpu
done
expect 2 "" "$engine" train lm --quiet -v
expect 2 "kernels needs --emulated, which counts, or --device cuda" "$engine" bench kernels
expect 2 "excludes" "$engine" bench kernels --emulated --device cuda
for repeats in 0 -1 100001 99999999999999999999 many; do
  expect 2 "--repeats: must be a whole number from 1 to 100000, got '$repeats'" "$engine" bench kernels --device cuda --repeats "$repeats"
done
expect 2 "--resume auto needs --run" train --resume auto
expect 2 "--checkpoint is required" "$engine" eval lm
expect 2 "must be a whole number >= 1, got '0'" "$engine" eval lm --checkpoint x --lengths 0
expect 2 "must be a whole number >= 1, got '99999999999999999999'" "$engine" eval lm --checkpoint x --lengths 99999999999999999999
expect 2 "must be a whole number >= 0, got '-1'" "$engine" eval lm --checkpoint x --max-lines -1
expect 2 "cannot make the folder" train --run /proc/x --set train.steps=2

# 3: configuration
expect 3 "unknown key 'train.stepz' (--set). Did you mean 'train.steps'" train --set train.stepz=1
expect 3 "must be KEY=VALUE" train --set train.steps
printf 'seqpe:\n  max_digits: abc\n' > wrong.yaml
expect 3 'seqpe.max_digits: expected integer >= 1 or auto, got "abc" (wrong.yaml:2)' "$engine" train lm --config wrong.yaml
printf 'train:\n  steps: 4\n  max_digit: 3\n' > unknown.yaml
expect 3 "unknown key 'train.max_digit' (unknown.yaml:3). Did you mean" "$engine" config validate --config unknown.yaml
printf 'train: {steps: 4\n' > syntax.yaml
expect 3 "syntax.yaml:2" "$engine" config validate --config syntax.yaml
printf 'format_version: 2\n' > newer.yaml
expect 3 "format_version must be 1" "$engine" config validate --config newer.yaml
printf 'include: missing\n' > include.yaml
expect 3 "there is no file or recipe 'missing' (include.yaml:1)" "$engine" config validate --config include.yaml
expect 3 "there is no file or recipe 'quickstart'. Did you mean 'quickstart_lm'" "$engine" train lm --config quickstart
printf 'train: {steps: 3}\n' > steps.yaml
expect 3 "data.path must name the training text" "$engine" train lm --set train.steps=1 --config steps.yaml
while IFS='|' read -r setting message; do
  expect 3 "$message" train --set "$setting"
done << 'TABLE'
train.betas=[1, 2]|train.betas must lie in [0, 1), got [1, 2]
train.eps=0|train.eps must be > 0, got 0
model.heads=3|model.heads must divide model.width 8, got 3
train.micro_batch_size=3|train.micro_batch_size must divide train.batch_size 4, got 3
train.threads=5000000000|train.threads must be at most 4096, got 5000000000
compare=[learned, learned]|compare must name each rival once and not model.position seqpe, got [learned, learned]
compare=[seqpe]|compare must name each rival once and not model.position seqpe, got [seqpe]
train.warmup_steps=500|train.warmup_steps must be at most train.steps 400, got 500
train.precision=fp16|train.precision: expected one of fp32, bf16, tf32, got "fp16"
train.device=tpu|train.device: expected one of auto, cpu, cuda, got "tpu"
seqpe.max_digits=4|seqpe.max_digits must be at least 5
seqpe.max_position=16|seqpe.shift.pool must be at most 1 (the starts of blocks of 16 below
seqpe.shift.pool=1|seqpe.shift.pool must be at least
seqpe.contrastive.local_range=2|seqpe.contrastive.local_range must be at least
seqpe.transfer.indices=17|seqpe.transfer.indices must be at most data.block_size 16, got 17
eval.lengths=[0]|eval.lengths must be >= 1, got 0
eval.lengths=[16, 200000]|position 199999 (eval.start plus a length of eval.lengths) needs 6 digits
eval.stride=17|eval.stride must be at most the length 16, got 17
kernels.attention=flash|kernels.attention: expected one of own, cudnn, auto, got "flash"
kernels.matmul=own|unknown key 'kernels.matmul'
TABLE
expect 3 "2 heads of model.width 260 have 130. Hint: at least 4 heads, or train.device=cpu." train --run wide --device cuda --set model.width=260
check "what the device cannot compute leaves no run" test ! -e wide
expect 0 "" train --dry-run --device cpu --set model.width=260
expect 3 "2 heads of seqpe.encoder.width 260 have 130" "$engine" config validate "${tiny[@]}" --set train.device=cuda --set seqpe.encoder.width=260
expect 3 "eval.start must be 0 for learned positions" train --set model.position=learned --set eval.start=3
expect 0 "" train --dry-run --set model.position=rotary --set eval.start=3
expect 3 "[rotary] a head's size (model.width over model.heads) must be even, got 1" train --dry-run --set model.position=rotary \
  --set model.heads=8 --set compare=[]
expect 3 "eval.start must be 0 for learned positions" train --set compare='[learned]' --set eval.start=3
expect 3 "seqpe.shift.pool must be at least" train --set model.position=none --set compare='[seqpe]' --set seqpe.shift.pool=1
expect 3 "seqpe.shift.pool must be at least" "$engine" config validate "${tiny[@]}" --set seqpe.shift.pool=1

expect 0 "Run: short" train --run short --quiet --set train.steps=2 --set seqpe.max_position=64 --set seqpe.shift.pool=20 \
  --set seqpe.contrastive.local_range=20

expect 3 "seqpe.transfer.per_head needs seqpe.encoder.heads 8 to divide an embedding's width 4" train --dry-run \
  --set seqpe.multi_head=false --set seqpe.encoder.heads=8

# config show | validate | keys | recipes
for recipe in $("$engine" config recipes); do
  check "the recipe $recipe is valid" "$engine" config validate --config "$recipe"
done
expect 0 "quickstart_lm" "$engine" config recipes
for key in train.precision train.device train.threads train.pin train.steps seqpe.encoder.dropout.residual checkpoint.keep_every; do
  check "config keys tells $key" grep -q "^$key " <<< "$("$engine" config keys)"
done
check "keys of what is not built are absent" bash -c '! "$engine" config keys | grep -qE "^qa\."'
"$engine" config show --config quickstart_lm --set train.steps=70 --set 'data.path=""' > shown.yaml
expect 0 "steps: 70" cat shown.yaml
expect 0 'path: ""' cat shown.yaml
check "what is shown reads back to the same" bash -c '"$engine" config show --config shown.yaml | cmp - shown.yaml'
printf 'train: {steps: 3}\n' > base.yaml
printf 'include: base.yaml\ntrain: {batch_size: 5}\n' > derived.yaml
expect 0 "steps: 3" "$engine" config show --config derived.yaml
printf 'train: {steps: 9}\n' > over.yaml
expect 0 "steps: 9" "$engine" config show --config base.yaml --config over.yaml
expect 0 "steps: 8" "$engine" config show --set train.steps=8 --config base.yaml --config over.yaml

# 4: data
expect 4 "nowhere.txt" train --set data.path=nowhere.txt
: > empty.txt
expect 4 "empty.txt must hold text, it is empty" train --set data.path=empty.txt
printf '\n \n' > blank.txt
expect 4 "blank.txt must hold at least one token" train --set data.reader=lines --set data.valid_path=blank.txt
printf '0123456789abcdefghij' > one_block.txt
expect 4 "beside the last one of a chunk, which data.reference_blocks drops" train --set data.path=one_block.txt --set data.reference_blocks=true
expect 4 "must be a file" train --set data.path=.
mkfifo pipe
expect 4 "pipe must be a file" timeout 20 "$engine" train lm "${tiny[@]}" --set data.path=pipe
printf 'short' > short.txt
expect 4 "must hold at least one block of 16 tokens" train --set data.path=short.txt
expect 4 "there is no embedded text 'builtin:nothing'" train --set data.path=builtin:nothing
expect 4 "empty.txt" train --set data.valid_path=empty.txt
expect 4 "data.tokenizer must be 'bytes' or a folder" train --set data.tokenizer=nowhere
check "what fails before training leaves no run" test ! -e runs

# A folder that cannot be looked into: a circle of links stands for all reasons, root may read the others.
ln -s circle circle
reason="cannot use circle: Too many levels of symbolic links"
expect 2 "[run] $reason" train --run circle
expect 2 "[run] cannot use circle/checkpoints/latest: Too many" train --run circle --resume auto
expect 3 "[config] $reason" "$engine" train lm --config circle
expect 4 "[tokenizer] $reason" train --set data.tokenizer=circle
expect 5 "[checkpoint] $reason" train --run other --resume circle
expect 5 "[checkpoint] $reason" train --init-from circle
expect 5 "[checkpoint] $reason" "$engine" eval lm --checkpoint circle
rm circle

# bench computes where it is told to, and --set has the last word.
bench=(bench train "${tiny[@]}" --vocab-size 256 --steps 1 --warmup 0)
expect 0 "1 steps of 64 tokens" "$engine" "${bench[@]}" --set train.device=auto --device cpu
expect 3 "2 heads of model.width 260 have 130" "$engine" "${bench[@]}" --device cuda --set model.width=260
expect 0 "1 steps of 64 tokens" "$engine" "${bench[@]}" --device cuda --set train.device=cpu
expect 0 "1 steps of 4 images" "$engine" bench train --config "$tests/tools/tiny_vit.yaml" --steps 1 --warmup 0 --device cpu
expect 3 "this bench is one of language models" "$engine" bench eval --config vit_cifar10 --lengths 64

# 6: device
expect 0 "instruction sets" env SEQPE_ISA= "$engine" --version
expect 6 "SEQPE_ISA" env SEQPE_ISA=bogus "$engine" --version
if [[ "$("$engine" --version)" == *"CUDA no"* ]]; then
  expect 6 "or use --device cpu." train --device cuda
  expect 6 "cuda is not here" train --set train.device=cuda
  expect 6 "cuda is not here" "$engine" "${bench[@]}" --device cuda
  expect 6 "cuda is not here" "$engine" bench eval "${tiny[@]}" --lengths 16 --device cuda
  expect 6 "Hint: cmake --preset emulated" "$engine" bench kernels --emulated
  expect 6 "kernels --device cuda times on a GPU" "$engine" bench kernels --device cuda
  # A build for GPUs on a machine without a driver.
  if [ -e "$(dirname "$engine")/seqpe_kernel_times" ] && ! ldconfig -p | grep -q 'libcuda\.so\.1 '; then
    driver="no NVIDIA driver on this machine (libcuda.so.1 is missing): install it"
    expect 6 "[device] cuda is not here: $driver, or use --device cpu." train --device cuda
    expect 6 "$driver." "$engine" bench kernels --device cuda
    mkdir alone && cp "$engine" alone/
    expect 1 "there is no $PWD/alone/seqpe_kernel_times." alone/seqpe_engine bench kernels --device cuda
    rm -r alone
    expect 0 "none: $driver" "$engine" doctor
  fi
  expect 6 "cuda is not here" "$engine" eval lm --checkpoint "$tests/golden/checkpoint_lm" \
    --tokenizer "$tests/data/gpt2_tokenizer" --device cuda
elif [[ "$("$engine" --version)" == *"CUDA emulated"* ]]; then
  expect 0 "cuda is emulated on the CPU" train --device cuda --dry-run
  expect 0 "cuda is emulated on the CPU" "$engine" "${bench[@]}" --device cuda
  expect 0 "cuda is emulated on the CPU" "$engine" bench eval "${tiny[@]}" --lengths 16 --vocab-size 256 --device cuda
fi
expect 0 "" train --device cpu --dry-run --set train.pin=true --set train.threads=1

# --dry-run tells the size and makes nothing.
expect 0 "parameters in the model" train --run dry --dry-run
expect 0 "400 steps of 64 tokens" train --run dry --dry-run
expect 0 "of tensors at peak" train --run dry --dry-run
expect 0 "MB a checkpoint" train --run dry --dry-run
check "what fits gives no warning" bash -c '! "$engine" train lm "$@" 2>&1 | grep -q warning' _ "${tiny[@]}" --dry-run
expect 0 "warning: [memory] the training takes about 15258.9 GB of tensors at peak, this process may use" \
  train --dry-run --set train.batch_size=1000000000
group=/sys/fs/cgroup/memory/seqpe_usage_test_$$
if mkdir "$group" 2> /dev/null; then
  echo 300M > "$group/memory.limit_in_bytes"
  expect 0 "of tensors at peak, this process may use 300 MB" bash -c 'echo $$ > "$1"; shift; "$engine" train lm "$@"' _ \
    "$group/tasks" "${tiny[@]}" --dry-run --set train.batch_size=1000000
  rmdir "$group"
else
  skip "a memory limit: making a control group is not permitted here"
fi
python "a model of 3.4 GB is planned in less" << 'PYTHON'
import os, resource, subprocess
large = ["--set", "model.width=4096", "--set", "model.layers=4", "--set", "compare=[]"]
told = subprocess.run([os.environ["engine"], "train", "lm", "--dry-run", *large], check=True, stderr=subprocess.PIPE).stderr
assert b"840.14 M parameters in the model" in told, told
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert peak < 1_500_000, peak
PYTHON
# 10^9 pivots with 9,999 candidates of 999,999 digits, width 8, two a digit in 4 bytes: 6.4e20, more than an integer holds.
expect 0 "about 596046447" train --dry-run --set seqpe.contrastive.pivots=1000000000 --set seqpe.contrastive.candidates=9999 \
  --set seqpe.contrastive.local_range=10000 --set seqpe.max_digits=999999
# The sanitizers write a shadow of all memory, and need more than this of addresses.
if (ulimit -v 4000000; "$engine" --version > /dev/null 2>&1); then
  huge=(--set model.width=32768 --set model.heads=256 --set model.layers=48)
  text="[train] out of memory: 620652.04 M parameters take 9248.4 GB with what training keeps of each, this process may use"
  expect 6 "$text" train --dry-run "${huge[@]}"
  expect 6 "$text" train "${huge[@]}"
  if [[ "$("$engine" --version)" == *"CUDA emulated"* ]]; then
    expect 6 "$text" train --device cuda "${huge[@]}"
  fi
  expect 6 "[train] out of memory: the weights alone must fit, those of model.layers 1 and model.width 16384 do not" \
    bash -c 'ulimit -v 4000000; "$engine" train lm "$@"' _ "${tiny[@]}" --dry-run --set model.width=16384
else
  skip "weights without memory: this build, with sanitizers, does not run in 4 GB of address space"
fi
check "--dry-run writes nothing" test ! -e dry -a ! -e runs
finish
