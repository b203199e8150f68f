// sum, sum_of_squares: sum_to_scalar.h. column_sum: a block takes 32 packs of columns and
// kRowsOfBlock rows, a lane a pack and a warp every kWarps-th row; the warps are added in order
// into a partial sum [row blocks, cols], and a second kernel adds those (partial_columns.h).
// Float32 sums, as the CPU's.
#include "kernels/reduce.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/packs.h"
#include "kernels/cuda/partial_columns.h"
#include "kernels/cuda/sum_to_scalar.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr int kWarps = 8;
constexpr std::int64_t kRowsOfBlock = 128;

/// partial[blockIdx.y, c] = sum of x[row, c] over the block's rows; N divides cols.
template <int N, typename T>
__global__ void __launch_bounds__(32 * kWarps)
    column_sum_rows_of_block_kernel(float* __restrict__ partial, const T* __restrict__ x,
                                    std::int64_t rows, std::int64_t cols) {
  // Sum n of lane l at n * kStride + l: neighbours in memory lie in different banks when lanes
  // write their N sums and when threads read a column each.
  constexpr int kStride = 32 + 32 / N;
  SEQPE_SHARED(float[kWarps][N * kStride], sums);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * 32 + lane) * N;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * kRowsOfBlock;
  const std::int64_t end = begin + kRowsOfBlock < rows ? begin + kRowsOfBlock : rows;
  float totals[N] = {};
  if (column < cols) {
    for (std::int64_t row = begin + warp; row < end; row += kWarps) {
      float values[N];
      load_floats(values, x + row * cols + column);
#pragma unroll
      for (int n = 0; n < N; ++n) totals[n] += values[n];
    }
  }
#pragma unroll
  for (int n = 0; n < N; ++n) sums[warp][n * kStride + lane] = totals[n];
  __syncthreads();
  const int own = static_cast<int>(threadIdx.x);  // of the block's columns
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * 32 * N + own;
  if (own >= 32 * N || c >= cols) return;
  float total = 0.0f;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) total += sums[w][own % N * kStride + own / N];
  partial[blockIdx.y * cols + c] = total;
}

/// out (=|+=) the sums of the row blocks' partial sums.
template <typename T>
__global__ void __launch_bounds__(32 * kPartialWarps)
    column_sum_blocks_warp_per_part_kernel(T* __restrict__ out, Write write,
                                           const float* __restrict__ partial, int blocks,
                                           std::int64_t cols) {
  SEQPE_SHARED(PartialColumns, sums);
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * 32 + threadIdx.x % 32;
  const float total[1] = {sum_partial_column(c < cols ? partial + c : nullptr, blocks, cols, sums)};
  if (threadIdx.x / 32 != 0 || c >= cols) return;
  write_floats(out + c, total, write);
}

/// The sum of a pack's elements or of their squares.
template <typename T, bool kSquared>
struct PackSum {
  const T* x;
  template <int N>
  __device__ __forceinline__ double at(std::int64_t i) const {
    float values[N];
    load_floats(values, x + i);
    double total = 0.0;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const double value = values[n];
      total += kSquared ? value * value : value;
    }
    return total;
  }
};

template <bool kSquared>
void sum_all(const Context& context, const char* name, const SumArgs& args) {
  dispatch(name, args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const PackSum<T, kSquared> value{static_cast<const T*>(args.x)};
    if (aligned_for_packs(args.x))
      return launch_sum<simt::kPackSize<T>>(context, name, args.out, args.count, 1.0, value);
    launch_sum<1>(context, name, args.out, args.count, 1.0, value);
  });
}

}  // namespace

void column_sum(const Context& context, const ColumnSumArgs& args) {
  if (args.cols == 0) return;
  dispatch("column_sum", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const std::int64_t blocks = (args.rows + kRowsOfBlock - 1) / kRowsOfBlock;
    const DeviceScratch partial(context,
                                static_cast<std::size_t>(blocks * args.cols) * sizeof(float));
    const auto run = [&](auto kernel, int size) {
      const std::int64_t columns = 32 * size;
      if (blocks == 0) return;
      simt::launch(context,
                   {"column_sum",
                    dim3(static_cast<unsigned>((args.cols + columns - 1) / columns),
                         static_cast<unsigned>(blocks)),
                    dim3(32 * kWarps)},
                   kernel, partial.as<float>(), static_cast<const T*>(args.x), args.rows,
                   args.cols);
    };
    constexpr int kSize = simt::kPackSize<T>;
    if (args.cols % kSize == 0 && aligned_for_packs(args.x)) {
      run(column_sum_rows_of_block_kernel<kSize, T>, kSize);
    } else {
      run(column_sum_rows_of_block_kernel<1, T>, 1);
    }
    const auto write = [&](auto* out) {
      simt::launch(context,
                   {"column_sum_blocks", dim3(static_cast<unsigned>((args.cols + 31) / 32)),
                    dim3(32 * kPartialWarps)},
                   column_sum_blocks_warp_per_part_kernel<std::remove_pointer_t<decltype(out)>>,
                   out, args.write, partial.as<float>(), static_cast<int>(blocks), args.cols);
    };
    args.wide_out ? write(static_cast<float*>(args.out)) : write(static_cast<T*>(args.out));
  });
}

void sum(const Context& context, const SumArgs& args) {
  sum_all<false>(context, "sum", args);
}

void sum_of_squares(const Context& context, const SumArgs& args) {
  sum_all<true>(context, "sum_of_squares", args);
}

}  // namespace seqpe::kernels::cuda
