#!/usr/bin/env bash
# Installs what is missing, checks format, builds and runs every test; then the products without oneDNN, the device kernels on
# the SIMT emulator, the unit tests and the emulator under the sanitizers, and clang-tidy.
#   tools/test.sh            all of it
#   tools/test.sh --quick    the optimised build and its tests only
set -euo pipefail
case "$*" in
  '' | --quick) ;;
  *) echo "test.sh: expected no argument or --quick, got: $*" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
run() {
  local begin=$SECONDS
  "$@"
  echo "test.sh: $((SECONDS - begin)) s: $*"
}
tools/install_packages.sh clang-format python3
run tools/format.sh --check
run cmake --preset cpu -DSEQPE_TESTS=ON
run cmake --build --preset cpu
run ctest --preset cpu -j "$(nproc)"
[ "${1:-}" = "--quick" ] && exit 0
run tools/gemm_twins.sh
run cmake --preset emulated
run cmake --build --preset emulated --target device_tests
run ctest --preset emulated -L 'cuda|golden' -j "$(nproc)"
run tools/nvcc_check.sh
run tools/sass_check.sh
run cmake --preset asan
run cmake --build --preset asan
run ctest --preset asan -L 'unit|cuda' -j "$(nproc)"
run tools/lint.sh
