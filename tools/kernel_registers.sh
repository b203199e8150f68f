#!/usr/bin/env bash
# Writes kernels/cuda/registers.inc: the registers that ptxas gives each kernel (those of the lessons of docs/cuda.md, too), which
# the cost model takes for the occupancy.
# Needs nvcc, but no GPU.
#   tools/kernel_registers.sh              writes the file
#   tools/kernel_registers.sh --check LOG  fails if a kernel in LOG, the output of nvcc -Xptxas -v for sm_90, has others
set -euo pipefail
usage() {
  sed -n 's/^#   //p' "$0" >&2
  exit 2
}
case "$#:${1:-}" in
  0:) ;;
  2:--check) [ -r "$2" ] || { echo "kernel_registers: cannot read $2." >&2; exit 2; } ;;
  *) usage ;;
esac
export LC_ALL=C
cd "$(dirname "$0")/.."
table=kernels/cuda/registers.inc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# NAME|ARCHITECTURE REGISTERS, the name as kernels/simt/source_line.cpp shortens it: no namespaces, result and arguments.
# Without the tests' own kernels.
registers_in() {
  sed -nE "s/.*Compiling entry function '([^']+)' for '(sm_[0-9]+)'.*/\1 \2/p; s/.*Used ([0-9]+) registers.*/\1/p" "$@" | paste -d ' ' - - | c++filt |
    sed -E 's/_GLOBAL__N__[0-9a-zA-Z_]+:://g; s/\(anonymous namespace\):://g; s/(seqpe|kernels|cuda|simt):://g; s/^void //; s/\(.*\)//; s/ (sm_[0-9]+ [0-9]+)$/|\1/; /^test::/d' | sort -u
}

if [ "${1:-}" = "--check" ]; then
  sed -nE 's/^\{"(.*)", [0-9]+, ([0-9]+)\},$/\1|sm_90 \2/p' "$table" | sort > "$work/table"
  registers_in "$2" > "$work/found"
  comm -13 "$work/table" "$work/found" > "$work/others"
  [ -s "$work/others" ] || exit 0
  cat "$work/others"
  echo "kernel_registers: $table does not hold these. Hint: tools/kernel_registers.sh writes it."
  exit 1
fi

nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2> /dev/null || true)
[ -n "$nvcc" ] || { echo "kernel_registers: there is no nvcc (CUDA Toolkit)." >&2; exit 1; }
for source in kernels/cuda/*.cu tests/cuda/lessons/*.cu; do
  "$nvcc" -std=c++17 -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90 -O3 -I. -Xptxas -v -c "$source" \
    -o "$work/object.o" >> "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done
registers_in "$work/log" > "$work/lines"
{
  echo "// Kernel, its registers a thread on sm_80 and on sm_90; written by tools/kernel_registers.sh."
  join -t '|' <(sed -nE 's/\|sm_80 /|/p' "$work/lines") <(sed -nE 's/\|sm_90 /|/p' "$work/lines") |
    sed -E 's/(.*)\|(.*)\|(.*)/{"\1", \2, \3},/'
} > "$table"
