#!/usr/bin/env bash
# Runs clang-tidy over the sources and tests that changed since origin/main; a warning fails.
#   tools/lint.sh --all       all of them
#   tools/lint.sh FILE...     these files
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install_packages.sh clang-tidy libomp-dev
# The debug preset has every CPU kernel once, for one instruction set; the emulated device has tests and sources of its own.
cmake --preset debug -B build/lint -DSEQPE_TESTS=ON -DSEQPE_CUDA=EMULATED > /dev/null
compiled() { grep -oP "\"file\": \"$PWD/\K($1)/[^\"]+\.cpp" build/lint/compile_commands.json | sort -u; }

# Files, with the source of each header; where it has none, the sources that include it.
with_sources() {
  local file
  while read -r file; do
    echo "${file%.h}.cpp" "$file" | tr ' ' '\n'
    case $file in *.h) [ -e "${file%.h}.cpp" ] || grep -rlF --include='*.cpp' "\"$file\"" engine kernels models tools tests || true ;; esac
  done
}

# The sources and tests that changed, with those of a header that did.
changed() {
  local base head
  head=$(git rev-parse HEAD)
  base=$(git merge-base HEAD origin/main 2> /dev/null || true)
  # On origin/main itself, or without one: what the last three hours brought, for commits come many at a time.
  if [ -z "$base" ] || [ "$base" = "$head" ]; then base=$(git rev-list -1 --before="$(($(git show -s --format=%ct HEAD) - 10800))" HEAD); fi
  if [ -z "$base" ]; then compiled "$1"; return; fi
  comm -12 <(compiled "$1") <({ git diff --name-only "$base"; git ls-files --others --exclude-standard; } | with_sources | sort -u)
}

rooms='engine|kernels|models|tools|tests'
case "${1:-}" in
  "") files=$(changed "$rooms") ;;
  --all) files=$(compiled "$rooms") ;;
  *) files=$(printf '%s\n' "$@") ;;
esac
[ -n "$files" ] || { echo "lint: no source changed"; exit 0; }
xargs -P "$(nproc)" -n 4 tools/lint_file.sh <<< "$files" \
  2> >(grep -v 'warnings\? .*generated' >&2)
