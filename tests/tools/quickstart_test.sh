#!/usr/bin/env bash
# tools/quickstart.sh in a tree that exists: the option of the tests stays as it is. CMake configures for real; building
# and training are stand-ins.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"

mkdir tree && cp -r "$tests/../tools" tree/
for part in CMakeLists.txt CMakePresets.json LICENSE cmake engine kernels models tests; do ln -s "$tests/../$part" tree/; done
printf '#!/bin/sh\n' > tree/tools/install_packages.sh
mkdir stand_ins
cat > stand_ins/cmake << SCRIPT
#!/bin/sh
[ "\$1" = --build ] && exit 0
exec "$(command -v cmake)" "\$@"
SCRIPT
chmod +x stand_ins/cmake tree/tools/install_packages.sh

# quickstart [OPTION]: in a tree that was configured with the option before, then once more.
quickstart() {
  rm -rf tree/build
  mkdir -p tree/build/cpu/bin
  printf '#!/bin/sh\necho "trains: $*"\n' > tree/build/cpu/bin/seqpe_engine
  chmod +x tree/build/cpu/bin/seqpe_engine
  [ $# -eq 0 ] || check "configured with $1" cmake -S tree --preset cpu "$1"
  expect 0 "trains: train lm --dry-run" env PATH="$work/stand_ins:$PATH" tree/tools/quickstart.sh --dry-run
}
# shellcheck disable=SC2317,SC2329  # called through check
tests_are() { grep -qx "SEQPE_TESTS:BOOL=$1" tree/build/cpu/CMakeCache.txt; }
quickstart
check "a new tree can be tested afterwards" tests_are ON
for state in ON OFF; do
  quickstart "-DSEQPE_TESTS=$state"
  check "tests stay $state" tests_are "$state"
done

# A tree without tests must not look like one that passed.
expect 8 "No tests were found" bash -c 'cd tree && ctest --preset cpu'
finish
