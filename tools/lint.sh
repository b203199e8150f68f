#!/usr/bin/env bash
# Runs clang-tidy over the sources and over the tests that changed since origin/main; a warning fails.
#   tools/lint.sh --all       every test, too (three times as long)
#   tools/lint.sh FILE...     these files
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install_packages.sh clang-tidy libomp-dev
# The debug preset has every CPU kernel once, for one instruction set; the emulated device has tests and sources of its own.
cmake --preset debug -B build/lint -DSEQPE_TESTS=ON -DSEQPE_CUDA=EMULATED > /dev/null
compiled() { grep -oP "\"file\": \"$PWD/\K($1)/[^\"]+\.cpp" build/lint/compile_commands.json | sort -u; }

changed_tests() {
  local base head
  head=$(git rev-parse HEAD)
  base=$(git merge-base HEAD origin/main 2> /dev/null || true)
  # On origin/main itself: what its last commit (a merge counts as one) brought.
  if [ "$base" = "$head" ]; then base=$(git rev-parse --quiet --verify HEAD~1 || true); fi
  if [ -z "$base" ]; then compiled tests; return; fi
  comm -12 <(compiled tests) <({ git diff --name-only "$base" -- tests; git ls-files --others --exclude-standard tests; } | sort -u)
}

sources='engine|kernels|models|tools'
case "${1:-}" in
  "") files=$(compiled "$sources"; changed_tests) ;;
  --all) files=$(compiled "$sources|tests") ;;
  *) files=$(printf '%s\n' "$@") ;;
esac
xargs -P "$(nproc)" -n 4 clang-tidy -p build/lint --quiet --extra-arg=-Wno-unknown-warning-option <<< "$files" \
  2> >(grep -v 'warnings\? .*generated' >&2)
