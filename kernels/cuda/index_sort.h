// A stable radix sort of positions by the index found there: 8 bits a pass, three kernels a pass.
// Which block places which element depends on the sizes alone, so the order is the same at every
// run.
#pragma once

#include <cstdint>

#include "kernels/cuda/scratch.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kSortDigits = 256;
constexpr int kSortWarps = kSortDigits / 32;  // of a block: a thread a digit
constexpr int kSortRounds = 4;                // of 32 elements a warp
constexpr int kSortTile = 32 * kSortRounds * kSortWarps;
constexpr int kScanThreads = 1024;

/// Element i of the order before a pass; null: i itself.
__device__ __forceinline__ std::int64_t sort_position(const std::int64_t* order, std::int64_t i) {
  return order != nullptr ? order[i] : i;
}

__device__ __forceinline__ int sort_digit(std::int64_t index, int shift) {
  return static_cast<int>(index >> shift) & (kSortDigits - 1);
}

/// Adds the digits of a warp's lanes to its `counts`, and returns how many equal ones were counted
/// before this lane's: by earlier calls and from lower lanes. Every lane must call it. Ballots, not
/// atomics: where all indices are equal, 32 atomics would wait for each other.
__device__ __forceinline__ int count_digit(int (&counts)[kSortDigits], int digit, bool valid) {
  const unsigned lane = threadIdx.x % 32;
  unsigned equal = __ballot_sync(simt::kAllLanes, valid);  // lanes with the same digit
#pragma unroll
  for (int bit = 1; bit < kSortDigits; bit *= 2) {
    const bool set = (digit & bit) != 0;
    const unsigned with_bit = __ballot_sync(simt::kAllLanes, set);
    equal &= set ? with_bit : ~with_bit;
  }
  const int below = __popc(equal & ((1u << lane) - 1)), before = valid ? counts[digit] : 0;
  __syncwarp();
  if (valid && below == 0) counts[digit] = before + __popc(equal);
  __syncwarp();
  return before + below;
}

/// Where a thread's elements begin: a warp's run of the block's tile, 32 elements a round.
__device__ __forceinline__ std::int64_t sort_first() {
  return static_cast<std::int64_t>(blockIdx.x) * kSortTile + threadIdx.x / 32 * (32 * kSortRounds) +
         threadIdx.x % 32;
}

/// counts (=) [kSortDigits, tiles]: how often each digit stands in each tile; a block a tile.
static __global__ void __launch_bounds__(kSortDigits)
    sort_count_digits_tile_per_block_kernel(std::int64_t* __restrict__ counts,
                                            const std::int64_t* __restrict__ indices,
                                            const std::int64_t* __restrict__ order,
                                            std::int64_t count, int shift) {
  SEQPE_SHARED(int[kSortWarps][kSortDigits], warp_counts);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  for (int w = 0; w < kSortWarps; ++w) warp_counts[w][thread] = 0;
  __syncthreads();
  for (int round = 0; round < kSortRounds; ++round) {
    const std::int64_t i = sort_first() + 32 * round;
    const int digit = i < count ? sort_digit(indices[sort_position(order, i)], shift) : 0;
    count_digit(warp_counts[warp], digit, i < count);
  }
  __syncthreads();
  std::int64_t sum = 0;
  for (int w = 0; w < kSortWarps; ++w) sum += warp_counts[w][thread];
  counts[static_cast<std::int64_t>(thread) * gridDim.x + blockIdx.x] = sum;
}

/// counts[i] (=) counts[0] + ... + counts[i - 1]; one block, each thread a run of its own.
static __global__ void __launch_bounds__(kScanThreads)
    sort_scan_counts_one_block_kernel(std::int64_t* counts, std::int64_t size) {
  SEQPE_SHARED(std::int64_t[32], warp_sums);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const std::int64_t run = (size + kScanThreads - 1) / kScanThreads, begin = thread * run;
  const std::int64_t end = begin + run < size ? begin + run : size;
  std::int64_t sum = 0;
  for (std::int64_t i = begin; i < end; ++i) sum += counts[i];
  std::int64_t before = sum;  // inclusive at first: of the warp's lanes up to this one
  for (int lanes = 1; lanes < 32; lanes *= 2) {
    const std::int64_t below = __shfl_up_sync(simt::kAllLanes, before, lanes);
    if (lane >= lanes) before += below;
  }
  if (lane == 31) warp_sums[warp] = before;
  __syncthreads();
  before -= sum;
  for (int w = 0; w < warp; ++w) before += warp_sums[w];
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t own = counts[i];
    counts[i] = before;
    before += own;
  }
}

/// sorted (=) the order after the pass, from the scanned counts; a block a tile. A warp places its
/// run of the tile 32 elements at a time: an element goes behind the equal digits of the warps
/// before, of the rounds before, and of the lanes below.
static __global__ void __launch_bounds__(kSortDigits, 4)
    sort_place_tile_per_block_kernel(std::int64_t* __restrict__ sorted,
                                     const std::int64_t* __restrict__ offsets,
                                     const std::int64_t* __restrict__ indices,
                                     const std::int64_t* __restrict__ order, std::int64_t count,
                                     int shift) {
  SEQPE_SHARED(int[kSortWarps][kSortDigits], warp_counts);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  for (int w = 0; w < kSortWarps; ++w) warp_counts[w][thread] = 0;
  __syncthreads();
  const std::int64_t first = sort_first();
  std::int64_t positions[kSortRounds];
  int digits[kSortRounds], places[kSortRounds];
#pragma unroll
  for (int round = 0; round < kSortRounds; ++round) {
    const bool valid = first + 32 * round < count;
    positions[round] = valid ? sort_position(order, first + 32 * round) : 0;
    digits[round] = valid ? sort_digit(indices[positions[round]], shift) : 0;
    places[round] = count_digit(warp_counts[warp], digits[round], valid);
  }
  __syncthreads();
  int before = 0;
  for (int w = 0; w < kSortWarps; ++w) {
    const int own = warp_counts[w][thread];
    warp_counts[w][thread] = before;
    before += own;
  }
  __syncthreads();
#pragma unroll
  for (int round = 0; round < kSortRounds; ++round) {
    if (first + 32 * round >= count) continue;
    const std::int64_t tile =
        offsets[static_cast<std::int64_t>(digits[round]) * gridDim.x + blockIdx.x];
    sorted[tile + warp_counts[warp][digits[round]] + places[round]] = positions[round];
  }
}

/// The positions of indices [count], all in [0, bound), in the order of the indices; positions of
/// equal indices in their own.
class IndexOrder {
 public:
  IndexOrder(const Context& context, const std::int64_t* indices, std::int64_t count,
             std::int64_t bound)
      : even_(context, bytes(count)), odd_(context, bytes(count)) {
    const std::int64_t tiles = (count + kSortTile - 1) / kSortTile, size = kSortDigits * tiles;
    const DeviceScratch counts(context, bytes(size));
    const dim3 grid(static_cast<unsigned>(tiles)), block(kSortDigits);
    int shift = 0;
    do {
      std::int64_t* sorted =
          order_ == even_.as<std::int64_t>() ? odd_.as<std::int64_t>() : even_.as<std::int64_t>();
      simt::launch(context, {"sort_count_digits", grid, block},
                   sort_count_digits_tile_per_block_kernel, counts.as<std::int64_t>(), indices,
                   order_, count, shift);
      simt::launch(context, {"sort_scan_counts", dim3(1), dim3(kScanThreads)},
                   sort_scan_counts_one_block_kernel, counts.as<std::int64_t>(), size);
      simt::launch(context, {"sort_place", grid, block}, sort_place_tile_per_block_kernel, sorted,
                   counts.as<std::int64_t>(), indices, order_, count, shift);
      order_ = sorted;
      shift += 8;
    } while ((bound - 1) >> shift != 0);
  }

  const std::int64_t* order() const { return order_; }  // [count]

 private:
  static std::size_t bytes(std::int64_t elements) {
    return static_cast<std::size_t>(elements) * sizeof(std::int64_t);
  }

  const DeviceScratch even_, odd_;
  const std::int64_t* order_ = nullptr;
};

}  // namespace seqpe::kernels::cuda
