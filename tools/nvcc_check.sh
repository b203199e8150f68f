#!/usr/bin/env bash
# Builds the preset `cuda` by nvcc for sm_90 (no GPU needed) and links it; a warning, a register spilled to memory, or a kernel
# whose registers are not those of kernels/cuda/registers.inc fails.
set -euo pipefail
[ $# -eq 0 ] || { echo "nvcc_check.sh: expected no argument, got: $*" >&2; exit 2; }
cd "$(dirname "$0")/.."
if ! { command -v nvcc || ls /usr/local/cuda/bin/nvcc; } > /dev/null 2>&1; then
  echo "nvcc_check: SKIPPED, there is no nvcc (CUDA Toolkit): the kernels were only run by the emulator."
  exit 0
fi
log=$(mktemp)
# After a failure nothing stays built: what ptxas said of it would be missing from the next run's log.
trap 'status=$?; rm -f "$log"; [ $status -eq 0 ] || cmake --build --preset cuda --target clean > /dev/null 2>&1 || true' EXIT
cmake --preset cuda -DSEQPE_TESTS=ON -DCMAKE_CUDA_FLAGS=-Xptxas=-v > "$log" || { cat "$log"; exit 1; }
cmake --build --preset cuda --target device_tests > "$log" 2>&1 ||
  { grep -vE '^ptxas info' "$log" | tail -40; echo "nvcc_check: the preset cuda does not build."; exit 1; }
if grep -E '[1-9][0-9]* bytes spill' "$log"; then
  grep -B 3 -E '[1-9][0-9]* bytes spill' "$log" | grep -oE "Compiling entry function '[^']+'" | c++filt
  echo "nvcc_check: kernels spill registers."
  exit 1
fi
tools/kernel_registers.sh --check "$log"
[ -e build/cuda/bin/libseqpe_nccl.so ] || echo "nvcc_check: SKIPPED: NCCL's module, there is no NCCL (libnccl-dev)."
compiled=$(grep -c 'Used .* registers' "$log" || true)
if [ "$compiled" = 0 ]; then echo "nvcc_check: linked; no kernel has changed since the last check"; exit 0; fi
echo "nvcc_check: linked; $compiled kernels newly compiled for sm_90, no spills"
