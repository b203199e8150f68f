#!/usr/bin/env bash
# Runs clang-tidy over the sources (or the files given); a warning fails.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install_packages.sh clang-tidy libomp-dev
# The debug preset: every CPU kernel once, for one instruction set.
cmake --preset debug -DSEQPE_TESTS=OFF >/dev/null
compiled() { grep -oP "\"file\": \"$PWD/\K(engine|kernels|models|tools)/[^\"]+\.cpp" build/debug/compile_commands.json | sort -u; }
if [ $# -gt 0 ]; then printf '%s\n' "$@"; else compiled; fi |
  xargs -P "$(nproc)" -n 4 clang-tidy -p build/debug --quiet --extra-arg=-Wno-unknown-warning-option 2> >(grep -v 'warnings\? .*generated' >&2)
