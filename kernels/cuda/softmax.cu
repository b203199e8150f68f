// softmax: out = e^(x - max) / sum, log-softmax: out = x - (max + log(sum)), with max and sum =
// sum(e^(x - max)) of the row. Backward, from the forward's output:
//   softmax:     grad_x = out * (g - sum(g out))
//   log-softmax: grad_x = g - e^out * sum(g)
// Rows of at most kMostPacks packs a lane lie in the registers of a warp, each input read once; a
// block takes a longer row and reads it twice, the second time from the cache. A pack is 16 bytes
// where rows and addresses are whole packs, else one element. f32 throughout; nothing is saved
// beside the output.
#include "kernels/softmax.h"

#include <type_traits>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/online_softmax.h"
#include "kernels/cuda/packs.h"
#include "kernels/cuda/warp_reduce.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr int kWarps = 4;         // of a block whose warps take a row each
constexpr int kMostPacks = 8;     // of a lane
constexpr int kRowThreads = 256;  // of a block that takes a row

/// out (=) softmax(x); a warp a row, packs lane, lane + 32, ... in registers.
template <typename T, int kSize, int kPacks>
__global__ void __launch_bounds__(32 * kWarps)
    softmax_forward_warp_per_row_kernel(T* __restrict__ out, const T* __restrict__ x,
                                        std::int64_t rows, std::int64_t cols, bool log) {
  const int lane = static_cast<int>(threadIdx.x) % 32, packs = static_cast<int>(cols / kSize);
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= rows) return;  // a whole warp
  float values[kPacks][kSize];
  float maximum = -INFINITY;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
#pragma unroll
    for (int i = 0; i < kSize; ++i) values[p][i] = -INFINITY;
    const int pack = lane + 32 * p;
    if (pack < packs) load_floats(values[p], x + row * cols + pack * kSize);
#pragma unroll
    for (int i = 0; i < kSize; ++i) maximum = fmaxf(maximum, values[p][i]);
  }
  maximum = warp_max(maximum);
  float sum = 0.0f;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    if (lane + 32 * p < packs) {
#pragma unroll
      for (int i = 0; i < kSize; ++i) {
        const float e = expf(values[p][i] - maximum);
        if (!log) values[p][i] = e;
        sum += e;
      }
    }
  }
  sum = warp_sum(sum);
  const float shift = log ? maximum + logf(sum) : 0.0f, scale = 1.0f / sum;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int pack = lane + 32 * p;
    if (pack < packs) {
#pragma unroll
      for (int i = 0; i < kSize; ++i)
        values[p][i] = log ? values[p][i] - shift : values[p][i] * scale;
      store_floats(out + row * cols + pack * kSize, values[p]);
    }
  }
}

/// The same, a block a row.
template <typename T, int kSize>
__global__ void __launch_bounds__(kRowThreads)
    softmax_forward_block_per_row_kernel(T* __restrict__ out, const T* __restrict__ x,
                                         std::int64_t cols, bool log) {
  SEQPE_SHARED(float[kMostWarps], scratch);
  const T* x_row = x + blockIdx.x * cols;
  T* out_row = out + blockIdx.x * cols;
  OnlineSoftmax part;
  for (std::int64_t c = kSize * threadIdx.x; c < cols; c += kSize * kRowThreads) {
    float values[kSize];
    load_floats(values, x_row + c);
    part.add(values);
  }
  const OnlineSoftmax row = over_block(part, scratch);
  const float shift = row.maximum + logf(row.sum), scale = 1.0f / row.sum;
  for (std::int64_t c = kSize * threadIdx.x; c < cols; c += kSize * kRowThreads) {
    float values[kSize];
    load_floats(values, x_row + c);
#pragma unroll
    for (int i = 0; i < kSize; ++i)
      values[i] = log ? values[i] - shift : exponential(values[i] - row.maximum) * scale;
    store_floats(out_row + c, values);
  }
}

/// What a pack adds to the sum over the row, and its gradient given that sum.
template <int N>
__device__ __forceinline__ float sum_of(const float (&g)[N], const float (&y)[N], bool log) {
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < N; ++i) sum += log ? g[i] : g[i] * y[i];
  return sum;
}
template <int N>
__device__ __forceinline__ void gradient_of(float (&gradient)[N], const float (&g)[N],
                                            const float (&y)[N], float sum, bool log) {
#pragma unroll
  for (int i = 0; i < N; ++i) gradient[i] = log ? g[i] - expf(y[i]) * sum : y[i] * (g[i] - sum);
}

/// grad_x (=|+=) as above; a warp a row, packs as in forward.
template <typename T, int kSize, int kPacks>
__global__ void __launch_bounds__(32 * kWarps)
    softmax_backward_warp_per_row_kernel(T* __restrict__ grad_x, Write write,
                                         const T* __restrict__ grad_out, const T* __restrict__ out,
                                         std::int64_t rows, std::int64_t cols, bool log) {
  const int lane = static_cast<int>(threadIdx.x) % 32, packs = static_cast<int>(cols / kSize);
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= rows) return;
  T g_row[kPacks][kSize] = {}, y_row[kPacks][kSize] = {};  // bf16: half the registers of floats
  float g[kSize], y[kSize], sum = 0.0f;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int pack = lane + 32 * p;
    if (pack < packs) {
      load_elements(g_row[p], grad_out + row * cols + pack * kSize);
      load_elements(y_row[p], out + row * cols + pack * kSize);
      to_floats(g, g_row[p]);
      to_floats(y, y_row[p]);
      sum += sum_of(g, y, log);
    }
  }
  sum = warp_sum(sum);
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int pack = lane + 32 * p;
    if (pack < packs) {
      float gradient[kSize];
      to_floats(g, g_row[p]);
      to_floats(y, y_row[p]);
      gradient_of(gradient, g, y, sum, log);
      write_floats(grad_x + row * cols + pack * kSize, gradient, write);
    }
  }
}

/// The same, a block a row.
template <typename T, int kSize>
__global__ void __launch_bounds__(kRowThreads)
    softmax_backward_block_per_row_kernel(T* __restrict__ grad_x, Write write,
                                          const T* __restrict__ grad_out, const T* __restrict__ out,
                                          std::int64_t cols, bool log) {
  SEQPE_SHARED(float[kMostWarps], scratch);
  const std::int64_t first = blockIdx.x * cols;
  float sum = 0.0f;
  for (std::int64_t c = kSize * threadIdx.x; c < cols; c += kSize * kRowThreads) {
    float g[kSize], y[kSize] = {};
    load_floats(g, grad_out + first + c);
    if (!log) load_floats(y, out + first + c);
    sum += sum_of(g, y, log);
  }
  sum = block_sum(sum, scratch);
  for (std::int64_t c = kSize * threadIdx.x; c < cols; c += kSize * kRowThreads) {
    float g[kSize], y[kSize], gradient[kSize];
    load_floats(g, grad_out + first + c);
    load_floats(y, out + first + c);
    gradient_of(gradient, g, y, sum, log);
    write_floats(grad_x + first + c, gradient, write);
  }
}

/// Calls warp_per_row(kPacks) or block_per_row() as rows of `cols` elements in packs of kSize want.
template <int kSize, typename WarpPerRow, typename BlockPerRow>
void choose_plan(std::int64_t cols, const WarpPerRow& warp_per_row,
                 const BlockPerRow& block_per_row) {
  const std::int64_t packs = (cols / kSize + 31) / 32;  // of a lane
  if (packs <= 1) return warp_per_row(std::integral_constant<int, 1>{});
  if (packs <= 2) return warp_per_row(std::integral_constant<int, 2>{});
  if (packs <= 4) return warp_per_row(std::integral_constant<int, 4>{});
  if (packs <= kMostPacks) return warp_per_row(std::integral_constant<int, kMostPacks>{});
  block_per_row();
}

simt::Launch warps_per_row(const char* name, std::int64_t rows) {
  return {name, dim3(static_cast<unsigned>((rows + kWarps - 1) / kWarps)), dim3(32 * kWarps)};
}
simt::Launch blocks_per_row(const char* name, std::int64_t rows) {
  return {name, dim3(static_cast<unsigned>(rows)), dim3(kRowThreads)};
}

template <typename T, int kSize>
void forward(const Context& context, const SoftmaxForwardArgs& args) {
  T* out = static_cast<T*>(args.out);
  const T* x = static_cast<const T*>(args.x);
  choose_plan<kSize>(
      args.cols,
      [&](auto packs) {
        simt::launch(context, warps_per_row("softmax_forward", args.rows),
                     softmax_forward_warp_per_row_kernel<T, kSize, decltype(packs)::value>, out, x,
                     args.rows, args.cols, args.log);
      },
      [&] {
        simt::launch(context, blocks_per_row("softmax_forward", args.rows),
                     softmax_forward_block_per_row_kernel<T, kSize>, out, x, args.cols, args.log);
      });
}

template <typename T, int kSize>
void backward(const Context& context, const SoftmaxBackwardArgs& args) {
  T* grad_x = static_cast<T*>(args.grad_x);
  const T *grad_out = static_cast<const T*>(args.grad_out), *out = static_cast<const T*>(args.out);
  choose_plan<kSize>(
      args.cols,
      [&](auto packs) {
        simt::launch(context, warps_per_row("softmax_backward", args.rows),
                     softmax_backward_warp_per_row_kernel<T, kSize, decltype(packs)::value>, grad_x,
                     args.write, grad_out, out, args.rows, args.cols, args.log);
      },
      [&] {
        simt::launch(context, blocks_per_row("softmax_backward", args.rows),
                     softmax_backward_block_per_row_kernel<T, kSize>, grad_x, args.write, grad_out,
                     out, args.cols, args.log);
      });
}

}  // namespace

void softmax_forward(const Context& context, const SoftmaxForwardArgs& args) {
  if (args.rows == 0 || args.cols == 0) return;
  dispatch("softmax", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kSize = simt::kPackSize<T>;
    if (args.cols % kSize == 0 && aligned_for_packs(args.out, args.x))
      return forward<T, kSize>(context, args);
    forward<T, 1>(context, args);
  });
}

void softmax_backward(const Context& context, const SoftmaxBackwardArgs& args) {
  if (args.rows == 0 || args.cols == 0) return;
  dispatch("softmax", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kSize = simt::kPackSize<T>;
    if (args.cols % kSize == 0 && aligned_for_packs(args.grad_x, args.grad_out, args.out))
      return backward<T, kSize>(context, args);
    backward<T, 1>(context, args);
  });
}

}  // namespace seqpe::kernels::cuda
