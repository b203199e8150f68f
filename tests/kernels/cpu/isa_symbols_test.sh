#!/usr/bin/env bash
# isa_symbols_test.sh LEVEL OBJECT...: code compiled for an instruction set must stay in its own namespace.
# Of a function that several objects define (a template or an inline function of a header), the linker keeps
# one copy for all: if that were one with AVX-512, the program would die on processors without it.
set -euo pipefail
level=$1
shift
[ $# -gt 0 ] || { echo "no objects of $level"; exit 1; }
count=0
for object in "$@"; do
  symbols=$(nm --defined-only "$object")
  # Weak and unique symbols; DW.ref.* is a pointer that exceptions need, no code.
  shared=$(awk '$2 ~ /^[WVuwv]$/ && $3 !~ /^DW\.ref\./ {print $3}' <<<"$symbols" | grep -v "isa_$level" || true)
  if [ -n "$shared" ]; then
    echo "$object, compiled for $level, defines symbols that other objects may define too:"
    c++filt <<<"$shared" | sed 's/^/  /'
    count=$((count + 1))
  fi
  grep -q "isa_$level" <<<"$symbols" || { echo "$object defines nothing in isa_$level: is nm reading it?"; exit 1; }
done
[ "$count" -eq 0 ]
