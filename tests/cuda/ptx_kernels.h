// One warp that calls a wrapper of kernels/simt/ptx.h. Arrays are the device's, a row a lane; the
// results are exactly what the lanes hold afterwards.
#pragma once

#include <cstdint>

namespace seqpe::test {

/// d = a b + c by fragments: a [32, 4], b [32, 2], c and d [32, 4]. In place: d is the array of c
/// in the call, too.
void run_mma(float* d, const std::uint32_t* a, const std::uint32_t* b, const float* c,
             bool in_place);

/// Lane l gives the address of row row_of_lane[l] of `rows` [32, 8], which lie in shared memory,
/// and gets four registers: r [32, 4].
void run_ldmatrix(std::uint32_t* r, const std::uint16_t* rows, const int* row_of_lane,
                  bool transposed);

/// Each lane copies two chunks of 16 bytes of `from` [32, 2, 4], those that are `valid` [32, 2], in
/// a group each. `first` [32, 4]: its own first chunk when at most one group is under way; `second`
/// [32, 4]: the second chunk of lane ^ 1 when none is. A chunk that is not valid lies behind the
/// end of `from`.
void run_cp_async(std::uint32_t* first, std::uint32_t* second, const std::uint32_t* from,
                  const int* valid);

/// pairs[i] of low[i] and high[i]; `count` is a multiple of 32.
void run_pack_bf16x2(std::uint32_t* pairs, const float* low, const float* high, int count);

/// powers[i] of x[i]; `count` is a multiple of 32.
void run_exp2(float* powers, const float* x, int count);

}  // namespace seqpe::test
