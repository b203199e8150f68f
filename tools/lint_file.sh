#!/usr/bin/env bash
# clang-tidy over sources of the build in build/lint, but those that it found clean before: the same text behind the preprocessor,
# comments included, the same options, the same clang-tidy. For lint.sh.
#   tools/lint_file.sh FILE...
set -euo pipefail
clean=build/lint/clean
mkdir -p "$clean"
tool=$(cat .clang-tidy kernels/simt/.clang-tidy tests/.clang-tidy <(clang-tidy --version) | sha256sum)
for file in "$@"; do
  preprocess=$(python3 -c 'import json, re, sys
commands = {entry["file"]: entry["command"] for entry in json.load(open("build/lint/compile_commands.json"))}
print(re.sub(r"-o \S+ -c", "-E -C", commands[sys.argv[1]]))' "$PWD/$file")
  key=$(cat <(echo "$tool $preprocess") <(cd build/lint && eval "$preprocess") | sha256sum | cut -d ' ' -f 1)
  [ -e "$clean/$key" ] && continue
  clang-tidy -p build/lint --quiet --extra-arg=-Wno-unknown-warning-option "$file"
  touch "$clean/$key"
done
