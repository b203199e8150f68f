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
tools/install_packages.sh clang-format python3
tools/format.sh --check
cmake --preset cpu -DSEQPE_TESTS=ON
cmake --build --preset cpu
ctest --preset cpu -j "$(nproc)"
[ "${1:-}" = "--quick" ] && exit 0
tools/gemm_twins.sh
cmake --preset emulated
cmake --build --preset emulated --target device_tests
ctest --preset emulated -L 'cuda|golden' -j "$(nproc)"
tools/nvcc_check.sh
tools/sass_check.sh
cmake --preset asan
cmake --build --preset asan
ctest --preset asan -L 'unit|cuda' -j "$(nproc)"
tools/lint.sh
