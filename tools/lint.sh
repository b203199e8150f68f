#!/usr/bin/env bash
# Runs shellcheck over the scripts and clang-tidy over the sources (or the files given); a warning fails.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install_packages.sh clang-tidy libomp-dev shellcheck
shellcheck -x tools/*.sh tests/tools/*.sh
cmake --preset cpu >/dev/null
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'engine/*.cpp' 'kernels/*.cpp' 'models/*.cpp' 'tools/*.cpp')
clang-tidy -p build/cpu --quiet "${files[@]}"
