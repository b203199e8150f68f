#!/usr/bin/env bash
# Formats every C++ file; with --check only says which files differ, and fails.
set -euo pipefail
case "$*" in
  '' | --check) ;;
  *) echo "format.sh: expected no argument or --check, got: $*" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.h' '*.cu')
if [ "${1:-}" = "--check" ]; then
  clang-format --dry-run --Werror "${files[@]}"
else
  clang-format -i "${files[@]}"
fi
