#!/usr/bin/env bash
# Builds and tests the matrix product's other twins: our own panels alone (PLAIN), and a CBLAS where one is installed, whose bits may depend on the
# number of threads.
set -euo pipefail
cd "$(dirname "$0")/.."
declare -A without=([PLAIN]='' [CBLAS]=':-*SameBitsForAnyThreads')
for gemm in PLAIN CBLAS; do
  log=$(cmake --preset cpu -B "build/gemm_${gemm,,}" -DSEQPE_TESTS=ON -DSEQPE_GEMM="$gemm" 2>&1) || {
    grep -q 'no CBLAS was found' <<< "$log" || { echo "$log"; exit 1; }
    echo "gemm_twins: SKIPPED, there is no CBLAS (libopenblas-openmp-dev): gemm_cblas.cpp was not built."
    continue
  }
  cmake --build "build/gemm_${gemm,,}" --target kernels_test
  "build/gemm_${gemm,,}/bin/kernels_test" --gtest_filter="Matmul*${without[$gemm]}" --gtest_brief=1
done
