#!/usr/bin/env bash
# Compiles every device kernel by nvcc for sm_90 (no GPU needed); a warning, a register spilled to memory, or a table of
# registers that is not up to date, fails.
set -euo pipefail
cd "$(dirname "$0")/.."
nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2> /dev/null || true)
if [ -z "$nvcc" ]; then
  echo "nvcc_check: SKIPPED, there is no nvcc (CUDA Toolkit): the kernels were only run by the emulator."
  exit 0
fi
object=$(mktemp --suffix=.o)
trap 'rm -f "$object"' EXIT
for source in kernels/cuda/*.cu; do
  log=$("$nvcc" -std=c++17 -arch=sm_90 -O3 -I. -Xcompiler=-Wall -Werror=all-warnings -Xptxas -v -c "$source" -o "$object" 2>&1) ||
    { echo "$log"; echo "nvcc_check: $source does not compile."; exit 1; }
  if grep -E '[1-9][0-9]* bytes spill' <<< "$log"; then
    echo "nvcc_check: $source spills registers."
    exit 1
  fi
  echo "nvcc_check: $source, $(grep -c 'Used .* registers' <<< "$log") kernels for sm_90, no spills"
done
tools/kernel_registers.sh --check
