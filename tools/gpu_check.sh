#!/usr/bin/env bash
# What a person with a GPU runs: everything that the emulator cannot prove, station by station, into OUT/report.md and
# OUT/report.json. A station that cannot run says SKIPPED and why; one that fails lets the others run and makes the exit status 1.
#   tools/gpu_check.sh OUT                      builds with nvcc first
#   tools/gpu_check.sh --pack FILE.tar.gz       packs what a check needs, at most 60 MB, on a machine with nvcc; no GPU needed
#   tools/gpu_check.sh OUT --from-pack FILE     checks with a pack: no compiler, no network. An unpacked one needs OUT alone
# PYTHON names an interpreter with torch, SEQPE_CUDA_ARCHITECTURES what to compile for (default: the GPU's; in a pack 80-real;90),
# SEQPE_STATION_SECONDS when a station is ended (default: 1800), SEQPE_ROUNDS how often steps are timed (default: 3),
# SEQPE_STATIONS which stations run ("ranks overlap"; default: all).
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
usage() {
  sed -n 's/^#   //p' "$0" >&2
  exit 2
}
case "$#:${1:-}:${2:-}" in
  2:--pack:-*) usage ;;
  2:--pack:*) exec "$root/tools/gpu_check/pack.sh" "$2" ;;
  3:*:--from-pack)
    mkdir -p "$1" && tar -xzf "$3" -C "$1" && exec "$1/gpu_check/tools/gpu_check.sh" "$1"
    exit 1
    ;;
  1:-*) usage ;;
  1:*) ;;
  *) usage ;;
esac
command -v python3 > /dev/null || { echo "gpu_check: python3 is needed (its standard library alone)." >&2; exit 1; }
mkdir -p "$1" && out=$(cd "$1" && pwd) || exit 1
# The files of an earlier check are replaced, nobody else's.
if [ ! -e "$out/stations.tsv" ] && [ -n "$(ls -A "$out" | grep -vx gpu_check)" ]; then
  echo "gpu_check: $out holds other files. Hint: a new or empty folder, or that of an earlier check." >&2
  exit 1
fi
{ : > "$out/stations.tsv"; } 2> /dev/null || { echo "gpu_check: cannot write into $out." >&2; exit 1; }
cd "$root" || exit 1
source tools/gpu_check/stations.sh
source tools/gpu_check/build.sh
clear_stations
smi=$(command -v nvidia-smi || true)
python=${PYTHON:-python3}
limit=${SEQPE_STATION_SECONDS:-1800}
export SEQPE_TESTS=$root/tests

if [ -f PACK ]; then
  bin=$root/bin
  use_packed_libraries
  cp bounds.json "$out/data/kernel_bounds.json"
  station unpack cat PACK
else
  bin=$root/$gpu_build/bin
  architectures=$([ -n "$smi" ] && "$smi" --query-gpu=compute_cap --format=csv,noheader 2> /dev/null | head -1 | tr -dc 0-9)
  station build build_for_gpu "${SEQPE_CUDA_ARCHITECTURES:-${architectures:-$both_architectures}}"
  station bounds write_bounds "$out/data/kernel_bounds.json"
fi

# skip WHY: ends a station that cannot run.
skip() {
  echo "SKIPPED: $*"
  exit 77
}
# What a station on the GPU asks first. The program itself says why not.
need_gpu() {
  [ -x "$bin/cuda_test" ] || skip "there is no $bin/cuda_test, the build failed"
  local answer status=0
  answer=$("$bin/cuda_test" --gtest_filter=none 2>&1) || status=$?
  [ "$status" = 0 ] && return
  answer=$(tail -1 <<< "${answer#SKIPPED: }")
  [ "$status" = 77 ] && skip "${answer%%. The preset*}"
  echo "cuda_test: exit status $status: $answer"
  exit 1
}

machine() {
  # The doctor tells what is broken.
  if [ -n "$smi" ]; then "$smi" || echo "nvidia-smi: exit status $?"; else echo "There is no nvidia-smi."; fi
  [ -x "$bin/seqpe_engine" ] || skip "there is no $bin/seqpe_engine, the build failed"
  "$bin/seqpe_engine" doctor
  "$bin/seqpe_engine" doctor --json > "$out/data/machine.json"
}
device_tests() {
  need_gpu
  timeout "$limit" "$bin/cuda_test" "$@"
}
goldens() {
  need_gpu
  timeout "$limit" "$bin/golden_test"
}
# Several processes, with NCCL itself.
need_nccl() {
  need_gpu
  [ -e "$bin/libseqpe_nccl.so" ] || skip "there is no $bin/libseqpe_nccl.so: NCCL was not there when the engine was built"
}
ranks() {
  need_nccl
  timeout "$limit" "$SEQPE_TESTS/tools/ranks_device_test.sh" "$bin/seqpe_engine" "$SEQPE_TESTS"
}
# What travels while the ranks compute.
overlap() {
  need_nccl
  local engine=$bin/seqpe_engine
  source "$SEQPE_TESTS/tools/device_ranks.sh"
  two_ranks bench train --config lm_wikitext103_seqpe --device cuda --set train.precision=bf16 --set train.batch_size=32 \
    --set seqpe.shift.rate=0 --set seqpe.contrastive.pivots=16 --set seqpe.transfer.starts=16 --steps 3 --timeline "$out/logs/timeline.json"
}
# Kernels that share memory between threads, on the small shapes of their tests.
small='Recording* Feed* StepPlans.AResult* CrossEntropyCuda* SoftCrossEntropyCuda* PositionCuda* PtxCuda.* LayerNormCuda*
  ResidualLayerNormCuda* SoftmaxCuda* ReduceCuda* DivergenceCuda* EmbeddingCuda* ImageBatchCuda* AttentionCudaRows.*
  AttentionCudaTensorCores.*'
sanitizer() {
  need_gpu
  local program
  program=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2> /dev/null) ||
    skip "there is no compute-sanitizer (CUDA Toolkit)"
  local pattern
  set -f
  for pattern in $small; do
    "$bin/cuda_test" --gtest_list_tests --gtest_filter="$pattern" | grep -q '^  ' || { echo "no test is named $pattern"; exit 1; }
  done
  timeout "$limit" "$program" --tool "$1" --error-exitcode 9 "$bin/cuda_test" --gtest_filter="$(tr -s ' \n' : <<< "$small")"
}
kernel_times() {
  need_gpu
  timeout "$limit" "$bin/seqpe_engine" bench kernels --device cuda --json > "$out/data/kernel_times.json"
  python3 tools/gpu_check/kernels.py "$out/data"
}
# The kernels of one training step, as the profiler times them. It reads no counters, so that one pass is enough.
profile() {
  need_gpu
  local program
  program=$(command -v ncu || ls /usr/local/cuda/bin/ncu 2> /dev/null) || skip "there is no ncu (Nsight Compute)"
  timeout "$limit" "$program" --metrics gpu__time_duration.sum --clock-control none --cache-control none --nvtx \
    --nvtx-include step/ --csv --log-file "$out/data/profile.csv" "$bin/seqpe_engine" bench train --steps 1 --warmup 0 \
    --config lm_wikitext103_seqpe --set seqpe.shift.rate=0 --set seqpe.contrastive.pivots=16 \
    --set seqpe.transfer.starts=16 --set train.device=cuda --set train.precision=bf16 \
    --set train.cuda_graphs=false --set train.batch_size=32
  python3 tools/gpu_check/profile.py "$out/data"
}
training_steps() {
  need_gpu
  timeout "$limit" python3 tools/bench/train_step.py --device cuda --binary "$bin/seqpe_engine" \
    --json "$out/data/training_steps.json" --rounds "${SEQPE_ROUNDS:-3}" "$@"
}
need_pytorch() {
  need_gpu
  "$python" -c 'import torch; assert torch.cuda.is_available()' 2> /dev/null ||
    skip "$python has no torch that sees a GPU. Hint: PYTHON=venv/bin/python"
}
pytorch_compiles() {
  need_pytorch
  timeout "$limit" python3 tools/bench/train_step.py --device cuda --python "$python" --compile-only
}
beside_pytorch() {
  need_pytorch
  training_steps --python "$python"
}

station machine machine
station ptx_conformance device_tests --gtest_filter='PtxCuda.*'
# What is right needs no quiet machine: side by side, with a share of the threads. Then what is timed, alone.
export OMP_NUM_THREADS=$((($(nproc) + 3) / 4))
station device_tests device_tests &
station goldens goldens &
station memcheck sanitizer memcheck &
station racecheck sanitizer racecheck &
station pytorch_compiles pytorch_compiles &
wait
unset OMP_NUM_THREADS
station ranks ranks
station overlap overlap
station kernel_times kernel_times
station profile profile
station beside_pytorch beside_pytorch
# Without PyTorch the engine's own steps at least.
[ "$(result_of beside_pytorch)" != SKIPPED ] || station training_steps training_steps

exec python3 tools/gpu_check/report.py "$out"
