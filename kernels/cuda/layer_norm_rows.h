// Layer norm whose rows come from anywhere and whose gradient goes anywhere: what layer_norm and
// residual_layer_norm share.
//
// Forward: a warp takes a row. Where a row is whole packs of 16 bytes and at most
// kLayerNormMostPacks of them a lane, it lies in registers: x is read once, mean and variance are
// taken in two passes over them. Other rows are read again for each pass; the second time they come
// from the cache.
//
// Backward: a block takes a row at a time, rows in steps of the grid. With g = grad_out * weight,
// h = (x - mean) * rstd and averages over the row,
//   gradient of x = rstd * (g - mean(g) - h * mean(g h))
// The gradients of weight and bias sum over rows: a thread owns columns and adds up its block's
// rows, in order, into partial sums [blocks, 2, cols], and a second kernel adds the blocks, always
// in the same order. No atomics: the same bits at every run. Where a row is whole packs and at most
// kLayerNormMostElements a thread, rows and sums lie in registers and every input is read once.
//
// Source: take<N>(e), a Pack<T, N> of x from element e on, called once an element;
//         again(e), element e as take gave it, by the same thread.
// Sink:   wanted(), whether anybody wants the gradient of x;
//         write(e, gradient), N floats of it from element e on.
#pragma once

#include "kernels/common/dtype.h"
#include "kernels/cuda/packs.h"
#include "kernels/cuda/partial_columns.h"
#include "kernels/cuda/scratch.h"
#include "kernels/cuda/warp_reduce.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kLayerNormWarps = 4;          // of a block
constexpr int kLayerNormMostPacks = 8;      // of a lane: rows of 1024 f32 or 2048 bf16
constexpr int kLayerNormMostElements = 16;  // of a thread in backward: rows of 2048

/// Where a row of partial sums holds column c. A thread of the kernel that leaves them has the sums
/// of `size` neighbours and writes 4 at a time: those of neighbouring threads lie side by side, so
/// that a warp fills whole sectors. `size` is 4, in their order, or 8.
__device__ __forceinline__ int layer_norm_partial_place(int c, int cols, int size) {
  return c / size * 4 + c % 4 + c % size / 4 * (cols / size * 4);
}

/// y (=) (x - mean) * rstd * weight + bias; mean and rstd are kept for backward. f32 sums.
template <typename T, int kPacks, typename Source>
__global__ void __launch_bounds__(32 * kLayerNormWarps)
    layer_norm_forward_warp_per_row_kernel(T* __restrict__ out, float* __restrict__ mean_out,
                                           float* __restrict__ rstd_out, const Source source,
                                           const T* __restrict__ weight, const T* __restrict__ bias,
                                           std::int64_t rows, int cols, float eps) {
  constexpr int kSize = simt::kPackSize<T>;
  const int lane = static_cast<int>(threadIdx.x) % 32, packs = cols / kSize;
  const std::int64_t row =
      static_cast<std::int64_t>(blockIdx.x) * kLayerNormWarps + threadIdx.x / 32;
  if (row >= rows) return;  // a whole warp
  float values[kPacks][kSize] = {};
  float sum = 0.0f;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int pack = lane + 32 * p;
    if (pack < packs) {
      const simt::Pack<T, kSize> taken = source.template take<kSize>(row * cols + pack * kSize);
#pragma unroll
      for (int i = 0; i < kSize; ++i) {
        values[p][i] = simt::to_float(taken.values[i]);
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
      float w[kSize], b[kSize], y[kSize];
      load_floats(w, weight + pack * kSize);
      load_floats(b, bias + pack * kSize);
#pragma unroll
      for (int i = 0; i < kSize; ++i) y[i] = (values[p][i] - mean) * rstd * w[i] + b[i];
      store_floats(out + row * cols + pack * kSize, y);
    }
  }
  if (lane == 0) {
    mean_out[row] = mean;
    rstd_out[row] = rstd;
  }
}

/// The same for rows of any length.
template <typename T, typename Source>
__global__ void __launch_bounds__(32 * kLayerNormWarps)
    layer_norm_forward_any_row_kernel(T* __restrict__ out, float* __restrict__ mean_out,
                                      float* __restrict__ rstd_out, const Source source,
                                      const T* __restrict__ weight, const T* __restrict__ bias,
                                      std::int64_t rows, int cols, float eps) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t row =
      static_cast<std::int64_t>(blockIdx.x) * kLayerNormWarps + threadIdx.x / 32;
  if (row >= rows) return;
  const std::int64_t first = row * cols;
  float sum = 0.0f, squares = 0.0f;
  for (int c = lane; c < cols; c += 32)
    sum += simt::to_float(source.template take<1>(first + c).values[0]);
  const float mean = warp_sum(sum) / static_cast<float>(cols);
  for (int c = lane; c < cols; c += 32) {
    const float centred = simt::to_float(source.again(first + c)) - mean;
    squares += centred * centred;
  }
  const float rstd = rsqrtf(warp_sum(squares) / static_cast<float>(cols) + eps);
  for (int c = lane; c < cols; c += 32) {
    out[first + c] = simt::from_float<T>((simt::to_float(source.again(first + c)) - mean) * rstd *
                                             simt::to_float(weight[c]) +
                                         simt::to_float(bias[c]));
  }
  if (lane == 0) {
    mean_out[row] = mean;
    rstd_out[row] = rstd;
  }
}

/// The sums of a row over the block. One barrier a row: `sums` alternates between two buffers, and
/// no warp is a whole row ahead of another.
struct RowSums {
  float g, g_h;
};
__device__ __forceinline__ RowSums sum_over_block(RowSums own, float (&sums)[2][kLayerNormWarps]) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  own.g = warp_sum(own.g);
  own.g_h = warp_sum(own.g_h);
  if (lane == 0) {
    sums[0][warp] = own.g;
    sums[1][warp] = own.g_h;
  }
  __syncthreads();
  RowSums all = {0.0f, 0.0f};
#pragma unroll
  for (int w = 0; w < kLayerNormWarps; ++w) {
    all.g += sums[0][w];
    all.g_h += sums[1][w];
  }
  return all;
}

/// sink (=|+=) the gradient of x; partial (=) the block's sums of grad_out * h and grad_out by
/// column, or null. Thread t owns the packs t, t + blockDim.x, ... of a row, in registers.
template <typename T, int kPacks, typename Sink>
__global__ void __launch_bounds__(32 * kLayerNormWarps) layer_norm_backward_row_in_registers_kernel(
    const Sink sink, float* __restrict__ partial, const T* __restrict__ grad_out,
    const T* __restrict__ x, const T* __restrict__ weight, const float* __restrict__ mean,
    const float* __restrict__ rstd, std::int64_t rows, int cols) {
  constexpr int kSize = simt::kPackSize<T>, kThreads = 32 * kLayerNormWarps;
  SEQPE_SHARED(float[2][2][kLayerNormWarps], row_sums);
  const int thread = static_cast<int>(threadIdx.x), packs = cols / kSize;
  simt::Pack<T, kSize> w[kPacks] = {};
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int pack = thread + kThreads * p;
    if (pack < packs) w[p] = simt::load_pack<kSize>(weight + pack * kSize);
  }
  float weight_sums[kPacks][kSize] = {}, bias_sums[kPacks][kSize] = {};
  // The next row is on its way while a row is worked on: else the block would wait for memory
  // with every row.
  struct {
    simt::Pack<T, kSize> x[kPacks], grad_out[kPacks];
    float mean, rstd;
  } next;
  const auto fetch = [&](std::int64_t row) {
    if (row >= rows) return;
    next.mean = mean[row];
    next.rstd = rstd[row];
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const int pack = thread + kThreads * p;
      if (pack < packs) {
        next.x[p] = simt::load_pack<kSize>(x + row * cols + pack * kSize);
        next.grad_out[p] = simt::load_pack<kSize>(grad_out + row * cols + pack * kSize);
      }
    }
  };
  fetch(blockIdx.x);
  int buffer = 0;
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto current = next;
    fetch(row + gridDim.x);
    const float m = current.mean, r = current.rstd;
    float h[kPacks][kSize] = {}, g[kPacks][kSize] = {};
    RowSums own = {0.0f, 0.0f};
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const int pack = thread + kThreads * p;
      if (pack < packs) {
#pragma unroll
        for (int i = 0; i < kSize; ++i) {
          h[p][i] = (simt::to_float(current.x[p].values[i]) - m) * r;
          g[p][i] = simt::to_float(current.grad_out[p].values[i]);
          weight_sums[p][i] += g[p][i] * h[p][i];
          bias_sums[p][i] += g[p][i];
          g[p][i] *= simt::to_float(w[p].values[i]);
          own.g += g[p][i];
          own.g_h += g[p][i] * h[p][i];
        }
      }
    }
    if (!sink.wanted()) continue;  // the same for every thread
    const RowSums all = sum_over_block(own, row_sums[buffer]);
    buffer ^= 1;
    const float mean_g = all.g / static_cast<float>(cols),
                mean_g_h = all.g_h / static_cast<float>(cols);
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const int pack = thread + kThreads * p;
      if (pack < packs) {
        float gradient[kSize];
#pragma unroll
        for (int i = 0; i < kSize; ++i) gradient[i] = r * (g[p][i] - mean_g - h[p][i] * mean_g_h);
        sink.write(row * cols + pack * kSize, gradient);
      }
    }
  }
  if (partial == nullptr) return;
  float* block = partial + static_cast<std::int64_t>(blockIdx.x) * 2 * cols;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int pack = thread + kThreads * p;
    if (pack < packs) {
#pragma unroll
      for (int i = 0; i < kSize; i += 4) {
        const int place = layer_norm_partial_place(pack * kSize + i, cols, kSize);
        const float weights[4] = {weight_sums[p][i], weight_sums[p][i + 1], weight_sums[p][i + 2],
                                  weight_sums[p][i + 3]};
        const float biases[4] = {bias_sums[p][i], bias_sums[p][i + 1], bias_sums[p][i + 2],
                                 bias_sums[p][i + 3]};
        store_floats(block + place, weights);
        store_floats(block + cols + place, biases);
      }
    }
  }
}

/// The same for longer rows, up to 20,000 columns, read twice. Shared: the sums [2, cols]; thread t
/// owns columns t, t + blockDim.x, ...
template <typename T, typename Sink>
__global__ void __launch_bounds__(32 * kLayerNormWarps)
    layer_norm_backward_any_row_kernel(const Sink sink, float* __restrict__ partial,
                                       const T* __restrict__ grad_out, const T* __restrict__ x,
                                       const T* __restrict__ weight, const float* __restrict__ mean,
                                       const float* __restrict__ rstd, std::int64_t rows,
                                       int cols) {
  SEQPE_SHARED_DYNAMIC(bytes);
  SEQPE_SHARED(float[2][2][kLayerNormWarps], row_sums);
  float* sums = reinterpret_cast<float*>(bytes);  // [2, cols]
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  for (int c = thread; c < cols; c += threads) sums[c] = sums[cols + c] = 0.0f;
  int buffer = 0;
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T *x_row = x + row * cols, *g_row = grad_out + row * cols;
    const float m = mean[row], r = rstd[row];
    RowSums own = {0.0f, 0.0f};
    for (int c = thread; c < cols; c += threads) {
      const float h = (simt::to_float(x_row[c]) - m) * r, g = simt::to_float(g_row[c]);
      sums[c] += g * h;
      sums[cols + c] += g;
      own.g += g * simt::to_float(weight[c]);
      own.g_h += g * simt::to_float(weight[c]) * h;
    }
    if (!sink.wanted()) continue;  // the same for every thread
    const RowSums all = sum_over_block(own, row_sums[buffer]);
    buffer ^= 1;
    const float mean_g = all.g / static_cast<float>(cols),
                mean_g_h = all.g_h / static_cast<float>(cols);
    for (int c = thread; c < cols; c += threads) {
      const float h = (simt::to_float(x_row[c]) - m) * r;
      const float g = simt::to_float(g_row[c]) * simt::to_float(weight[c]);
      const float gradient[1] = {r * (g - mean_g - h * mean_g_h)};
      sink.write(row * cols + c, gradient);
    }
  }
  if (partial == nullptr) return;
  float* block = partial + static_cast<std::int64_t>(blockIdx.x) * 2 * cols;
  for (int c = thread; c < cols; c += threads) {
    block[c] = sums[c];
    block[cols + c] = sums[cols + c];
  }
}

/// grad_weight (blockIdx.y 0) or grad_bias (1) (=|+=) the sums over blocks. `size`: as
/// layer_norm_partial_place takes it.
template <typename T>
__global__ void __launch_bounds__(32 * kPartialWarps)
    layer_norm_backward_sum_blocks_kernel(T* __restrict__ grad_weight, Write write_weight,
                                          T* __restrict__ grad_bias, Write write_bias,
                                          const float* __restrict__ partial, int blocks, int cols,
                                          int size) {
  SEQPE_SHARED(PartialColumns, sums);
  T* gradient = blockIdx.y == 0 ? grad_weight : grad_bias;
  if (gradient == nullptr) return;  // the whole block
  const int c = static_cast<int>(blockIdx.x) * 32 + static_cast<int>(threadIdx.x) % 32;
  const float* column =
      c < cols ? partial + blockIdx.y * cols + layer_norm_partial_place(c, cols, size) : nullptr;
  const float total[1] = {sum_partial_column(column, blocks, std::int64_t{2} * cols, sums)};
  if (threadIdx.x / 32 != 0 || c >= cols) return;
  write_floats(gradient + c, total, blockIdx.y == 0 ? write_weight : write_bias);
}

/// Args: those of layer_norm_forward or residual_layer_norm_forward. `packs_allowed`: whether
/// `source` can give packs.
template <typename T, typename Args, typename Source>
void layer_norm_rows_forward(const Context& context, const char* name, const Args& args,
                             const Source& source, bool packs_allowed) {
  const auto blocks = static_cast<unsigned>((args.rows + kLayerNormWarps - 1) / kLayerNormWarps);
  const simt::Launch shape(name, dim3(blocks), dim3(32 * kLayerNormWarps));
  const auto run = [&](auto kernel) {
    simt::launch(context, shape, kernel, static_cast<T*>(args.out), static_cast<float*>(args.mean),
                 static_cast<float*>(args.rstd), source, static_cast<const T*>(args.weight),
                 static_cast<const T*>(args.bias), args.rows, args.cols, args.eps);
  };
  const std::int64_t packs = (args.cols / simt::kPackSize<T> + 31) / 32;  // of a lane
  if (!packs_allowed || args.cols % simt::kPackSize<T> != 0 || packs > kLayerNormMostPacks ||
      !aligned_for_packs(args.out, args.weight, args.bias))
    return run(layer_norm_forward_any_row_kernel<T, Source>);
  if (packs <= 1) return run(layer_norm_forward_warp_per_row_kernel<T, 1, Source>);
  if (packs <= 2) return run(layer_norm_forward_warp_per_row_kernel<T, 2, Source>);
  if (packs <= 4) return run(layer_norm_forward_warp_per_row_kernel<T, 4, Source>);
  if (packs <= 6) return run(layer_norm_forward_warp_per_row_kernel<T, 6, Source>);
  run(layer_norm_forward_warp_per_row_kernel<T, kLayerNormMostPacks, Source>);
}

/// Args: those of layer_norm_backward or residual_layer_norm_backward, `x` what was normalised.
template <typename T, typename Args, typename Sink>
void layer_norm_rows_backward(const Context& context, const char* name, const Args& args,
                              const void* x, const Sink& sink, bool packs_allowed) {
  // As many blocks as an H100 holds at once, six on a multiprocessor of those with one pack a
  // thread; each adds up at least 16 rows before it writes its partial sums.
  constexpr std::int64_t kMostBlocks = 792, kRowsOfBlock = 16;
  const std::int64_t wanted = (args.rows + kRowsOfBlock - 1) / kRowsOfBlock;
  const auto blocks = static_cast<int>(wanted < 1             ? 1
                                       : wanted < kMostBlocks ? wanted
                                                              : kMostBlocks);
  const bool sums = args.grad_weight != nullptr || args.grad_bias != nullptr;
  const auto cols = static_cast<std::size_t>(args.cols);
  const DeviceScratch partial(
      context, sums ? static_cast<std::size_t>(blocks) * 2 * cols * sizeof(float) : 0);
  const auto run = [&](auto kernel, std::size_t shared_bytes) {
    simt::launch(
        context,
        {name, dim3(static_cast<unsigned>(blocks)), dim3(32 * kLayerNormWarps), shared_bytes},
        kernel, sink, sums ? partial.template as<float>() : nullptr,
        static_cast<const T*>(args.grad_out), static_cast<const T*>(x),
        static_cast<const T*>(args.weight), static_cast<const float*>(args.mean),
        static_cast<const float*>(args.rstd), args.rows, args.cols);
  };
  constexpr int kSize = simt::kPackSize<T>, kMostPacks = kLayerNormMostElements / kSize;
  const std::int64_t of_block = 32 * kLayerNormWarps;
  const std::int64_t packs = (args.cols / kSize + of_block - 1) / of_block;  // of a thread
  const bool in_registers = packs_allowed && args.cols % kSize == 0 && packs <= kMostPacks &&
                            aligned_for_packs(args.grad_out, x, args.weight);
  if (!in_registers) {
    run(layer_norm_backward_any_row_kernel<T, Sink>, 2 * cols * sizeof(float));
  } else if (packs <= 1) {
    run(layer_norm_backward_row_in_registers_kernel<T, 1, Sink>, 0);
  } else if (packs <= 2) {
    run(layer_norm_backward_row_in_registers_kernel<T, 2, Sink>, 0);
  } else {
    run(layer_norm_backward_row_in_registers_kernel<T, kMostPacks, Sink>, 0);
  }
  if (!sums) return;
  simt::launch(context,
               {"layer_norm_backward_sum_blocks",
                dim3(static_cast<unsigned>((args.cols + 31) / 32), 2), dim3(32 * kPartialWarps)},
               layer_norm_backward_sum_blocks_kernel<T>, static_cast<T*>(args.grad_weight),
               args.write_weight, static_cast<T*>(args.grad_bias), args.write_bias,
               partial.template as<float>(), blocks, args.cols, in_registers ? kSize : 4);
}

}  // namespace seqpe::kernels::cuda
