// A warp takes a row at a time. Where a row is whole packs of 16 bytes and at most kMostPacks of
// them a lane, it lies in registers: x is read once, mean and variance are taken in two passes over
// them. Other rows are read again for each pass; the second time they come from the cache.
//
// Backward: with g = grad_out * weight, h = (x - mean) * rstd and averages over the row,
//   grad_x = rstd * (g - mean(g) - h * mean(g h))
// The gradients of weight and bias sum over rows: each block adds up its rows, in order, into
// partial sums [blocks, 2, cols], and a second kernel adds the blocks in order. No atomics: the
// same bits at every run.
#include "kernels/layer_norm.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/scratch.h"
#include "kernels/cuda/warp_reduce.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

using simt::from_float;
using simt::kPackSize;
using simt::load_pack;
using simt::Pack;
using simt::store_pack;
using simt::to_float;

constexpr int kWarps = 4;      // of a block
constexpr int kMostPacks = 8;  // of a lane: rows of 1024 f32 or 2048 bf16

/// y = (x - mean) * rstd * weight + bias; mean and rstd are kept for backward.
template <typename T, int kPacks>
__global__ void __launch_bounds__(32 * kWarps)
    layer_norm_forward_warp_per_row_kernel(T* __restrict__ out, float* __restrict__ mean_out,
                                           float* __restrict__ rstd_out, const T* __restrict__ x,
                                           const T* __restrict__ weight, const T* __restrict__ bias,
                                           std::int64_t rows, int cols, float eps) {
  constexpr int kSize = kPackSize<T>;
  const int lane = static_cast<int>(threadIdx.x) % 32, packs = cols / kSize;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= rows) return;  // a whole warp
  float values[kPacks][kSize] = {};
  float sum = 0.0f;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int pack = lane + 32 * p;
    if (pack < packs) {
      const Pack<T, kSize> loaded = load_pack<kSize>(x + row * cols + pack * kSize);
#pragma unroll
      for (int i = 0; i < kSize; ++i) {
        values[p][i] = to_float(loaded.values[i]);
        sum += values[p][i];
      }
    }
  }
  const float mean = warp_sum(sum) / static_cast<float>(cols);
  float squares = 0.0f;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    if (lane + 32 * p < packs) {
#pragma unroll
      for (int i = 0; i < kSize; ++i) squares += (values[p][i] - mean) * (values[p][i] - mean);
    }
  }
  const float rstd = rsqrtf(warp_sum(squares) / static_cast<float>(cols) + eps);
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int pack = lane + 32 * p;
    if (pack < packs) {
      const Pack<T, kSize> w = load_pack<kSize>(weight + pack * kSize),
                           b = load_pack<kSize>(bias + pack * kSize);
      Pack<T, kSize> y;
#pragma unroll
      for (int i = 0; i < kSize; ++i)
        y.values[i] = from_float<T>((values[p][i] - mean) * rstd * to_float(w.values[i]) +
                                    to_float(b.values[i]));
      store_pack(out + row * cols + pack * kSize, y);
    }
  }
  if (lane == 0) {
    mean_out[row] = mean;
    rstd_out[row] = rstd;
  }
}

/// The same for rows of any length.
template <typename T>
__global__ void __launch_bounds__(32 * kWarps)
    layer_norm_forward_any_row_kernel(T* __restrict__ out, float* __restrict__ mean_out,
                                      float* __restrict__ rstd_out, const T* __restrict__ x,
                                      const T* __restrict__ weight, const T* __restrict__ bias,
                                      std::int64_t rows, int cols, float eps) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= rows) return;
  const T* x_row = x + row * cols;
  float sum = 0.0f, squares = 0.0f;
  for (int c = lane; c < cols; c += 32) sum += to_float(x_row[c]);
  const float mean = warp_sum(sum) / static_cast<float>(cols);
  for (int c = lane; c < cols; c += 32)
    squares += (to_float(x_row[c]) - mean) * (to_float(x_row[c]) - mean);
  const float rstd = rsqrtf(warp_sum(squares) / static_cast<float>(cols) + eps);
  for (int c = lane; c < cols; c += 32) {
    out[row * cols + c] =
        from_float<T>((to_float(x_row[c]) - mean) * rstd * to_float(weight[c]) + to_float(bias[c]));
  }
  if (lane == 0) {
    mean_out[row] = mean;
    rstd_out[row] = rstd;
  }
}

/// grad_x (=|+=) as above, a row a warp at a time, rows in steps of the grid; partial (=) the
/// block's sums of grad_out * h and grad_out by column. Shared: [2, cols] floats; thread c, c +
/// blockDim.x, ... owns column c.
template <typename T>
__global__ void __launch_bounds__(32 * kWarps) layer_norm_backward_row_at_a_time_kernel(
    T* __restrict__ grad_x, Write write_x, float* __restrict__ partial,
    const T* __restrict__ grad_out, const T* __restrict__ x, const T* __restrict__ weight,
    const float* __restrict__ mean, const float* __restrict__ rstd, std::int64_t rows, int cols) {
  SEQPE_SHARED_DYNAMIC(bytes);
  SEQPE_SHARED(float[2][kWarps], row_sums);
  float* sums = reinterpret_cast<float*>(bytes);  // [2, cols]
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  const int lane = thread % 32, warp = thread / 32;
  for (int c = thread; c < cols; c += threads) sums[c] = sums[cols + c] = 0.0f;
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T *x_row = x + row * cols, *g_row = grad_out + row * cols;
    const float m = mean[row], r = rstd[row];
    float sum = 0.0f, sum_h = 0.0f;
    for (int c = thread; c < cols; c += threads) {
      const float h = (to_float(x_row[c]) - m) * r, g = to_float(g_row[c]);
      if (partial != nullptr) {
        sums[c] += g * h;
        sums[cols + c] += g;
      }
      sum += g * to_float(weight[c]);
      sum_h += g * to_float(weight[c]) * h;
    }
    if (grad_x == nullptr) continue;  // the same for every thread
    sum = warp_sum(sum);
    sum_h = warp_sum(sum_h);
    __syncthreads();  // the row before has been read
    if (lane == 0) {
      row_sums[0][warp] = sum;
      row_sums[1][warp] = sum_h;
    }
    __syncthreads();
    sum = sum_h = 0.0f;
    for (int w = 0; w < kWarps; ++w) {
      sum += row_sums[0][w];
      sum_h += row_sums[1][w];
    }
    sum /= static_cast<float>(cols);
    sum_h /= static_cast<float>(cols);
    for (int c = thread; c < cols; c += threads) {
      const float h = (to_float(x_row[c]) - m) * r, g = to_float(g_row[c]) * to_float(weight[c]);
      const float gradient = r * (g - sum - h * sum_h);
      T* target = grad_x + row * cols + c;
      *target =
          from_float<T>(write_x == Write::accumulate ? to_float(*target) + gradient : gradient);
    }
  }
  if (partial == nullptr) return;
  __syncthreads();  // the owner of a sum is not who writes it out
  float* block = partial + static_cast<std::int64_t>(blockIdx.x) * 2 * cols;
  for (int c = thread; c < 2 * cols; c += threads) block[c] = sums[c];
}

/// grad_weight and grad_bias (=|+=) the sums over blocks, in order; a thread a column.
template <typename T>
__global__ void layer_norm_backward_sum_blocks_kernel(T* __restrict__ grad_weight,
                                                      Write write_weight, T* __restrict__ grad_bias,
                                                      Write write_bias,
                                                      const float* __restrict__ partial, int blocks,
                                                      int cols) {
  const int c = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (c >= cols) return;
  float weight = 0.0f, bias = 0.0f;
  for (int b = 0; b < blocks; ++b) {
    weight += partial[(2 * b) * cols + c];
    bias += partial[(2 * b + 1) * cols + c];
  }
  if (grad_weight != nullptr)
    grad_weight[c] = from_float<T>(
        write_weight == Write::accumulate ? to_float(grad_weight[c]) + weight : weight);
  if (grad_bias != nullptr)
    grad_bias[c] =
        from_float<T>(write_bias == Write::accumulate ? to_float(grad_bias[c]) + bias : bias);
}

template <typename T>
void forward(const Context& context, const LayerNormForwardArgs& args) {
  const simt::Launch shape("layer_norm_forward",
                           dim3(static_cast<unsigned>((args.rows + kWarps - 1) / kWarps)),
                           dim3(32 * kWarps));
  const auto run = [&](auto kernel) {
    simt::launch(context, shape, kernel, static_cast<T*>(args.out), static_cast<float*>(args.mean),
                 static_cast<float*>(args.rstd), static_cast<const T*>(args.x),
                 static_cast<const T*>(args.weight), static_cast<const T*>(args.bias), args.rows,
                 args.cols, args.eps);
  };
  const std::int64_t packs = (args.cols / kPackSize<T> + 31) / 32;  // of a lane
  if (args.cols % kPackSize<T> != 0 || packs > kMostPacks)
    return run(layer_norm_forward_any_row_kernel<T>);
  if (packs <= 1) return run(layer_norm_forward_warp_per_row_kernel<T, 1>);
  if (packs <= 2) return run(layer_norm_forward_warp_per_row_kernel<T, 2>);
  if (packs <= 4) return run(layer_norm_forward_warp_per_row_kernel<T, 4>);
  if (packs <= 6) return run(layer_norm_forward_warp_per_row_kernel<T, 6>);
  run(layer_norm_forward_warp_per_row_kernel<T, kMostPacks>);
}

template <typename T>
void backward(const Context& context, const LayerNormBackwardArgs& args) {
  // Enough blocks to fill a GPU several times; each adds up at least 16 rows before it writes its
  // partial sums.
  constexpr std::int64_t kMostBlocks = 512, kRowsOfBlock = 16;
  const std::int64_t wanted = (args.rows + kRowsOfBlock - 1) / kRowsOfBlock;
  const auto blocks = static_cast<int>(wanted < 1             ? 1
                                       : wanted < kMostBlocks ? wanted
                                                              : kMostBlocks);
  const bool sums = args.grad_weight != nullptr || args.grad_bias != nullptr;
  const auto cols = static_cast<std::size_t>(args.cols);
  const DeviceScratch partial(
      context, sums ? static_cast<std::size_t>(blocks) * 2 * cols * sizeof(float) : 0);
  simt::launch(context,
               {"layer_norm_backward", dim3(static_cast<unsigned>(blocks)), dim3(32 * kWarps),
                2 * cols * sizeof(float)},
               layer_norm_backward_row_at_a_time_kernel<T>, static_cast<T*>(args.grad_x),
               args.write_x, sums ? partial.as<float>() : nullptr,
               static_cast<const T*>(args.grad_out), static_cast<const T*>(args.x),
               static_cast<const T*>(args.weight), static_cast<const float*>(args.mean),
               static_cast<const float*>(args.rstd), args.rows, args.cols);
  if (!sums) return;
  constexpr unsigned kThreads = 128;
  simt::launch(context,
               {"layer_norm_backward_sum_blocks",
                dim3(static_cast<unsigned>((args.cols + kThreads - 1) / kThreads)), dim3(kThreads)},
               layer_norm_backward_sum_blocks_kernel<T>, static_cast<T*>(args.grad_weight),
               args.write_weight, static_cast<T*>(args.grad_bias), args.write_bias,
               partial.as<float>(), blocks, args.cols);
}

}  // namespace

void layer_norm_forward(const Context& context, const LayerNormForwardArgs& args) {
  if (args.rows == 0) return;
  dispatch("layer_norm", args.dtype,
           [&](auto tag) { forward<typename decltype(tag)::type>(context, args); });
}

void layer_norm_backward(const Context& context, const LayerNormBackwardArgs& args) {
  if (args.cols == 0) return;
  dispatch("layer_norm", args.dtype,
           [&](auto tag) { backward<typename decltype(tag)::type>(context, args); });
}

}  // namespace seqpe::kernels::cuda
