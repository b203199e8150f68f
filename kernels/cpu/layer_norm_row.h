// One row of a layer norm, and the sums that give the gradients of weight and bias: what layer_norm
// and residual_layer_norm share. Sums over a row run in vector lanes of fixed width, so a result
// does not depend on the number of threads.
#pragma once

#include <cmath>

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"
#include "kernels/layer_norm.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

constexpr std::int64_t kLayerNormRowsPerChunk = 16;

template <typename A>
struct RowStatistics {
  A mean, rstd;
};

template <typename T>
static inline RowStatistics<Acc<T>> row_statistics(const T* x, std::int64_t cols, double eps) {
  using A = Acc<T>;
  A sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < cols; ++c) sum += load(x + c);
  const A mean = sum / static_cast<A>(cols);
  A squares = 0;  // two passes: the row sits in the cache, and no cancellation
#pragma omp simd reduction(+ : squares)
  for (std::int64_t c = 0; c < cols; ++c) {
    const A centred = load(x + c) - mean;
    squares += centred * centred;
  }
  return {mean, A(1) / std::sqrt(squares / static_cast<A>(cols) + static_cast<A>(eps))};
}

template <typename T>
static inline void normalise_row(T* out, const T* x, const RowStatistics<Acc<T>>& row,
                                 const T* weight, const T* bias, std::int64_t cols) {
#pragma omp simd
  for (std::int64_t c = 0; c < cols; ++c) {
    store(out + c, (load(x + c) - row.mean) * row.rstd * load(weight + c) + load(bias + c));
  }
}

/// grad_x = rstd * (g - mean(g) - x_hat * mean(g * x_hat)),  g = grad_out * weight: an element is
/// at(c).
template <typename T>
struct RowGradient {
  using A = Acc<T>;

  RowGradient(const T* row_grad_out, const T* row_x, const T* row_weight,
              const RowStatistics<A>& row, std::int64_t cols)
      : grad_out(row_grad_out), x(row_x), weight(row_weight), mean(row.mean), rstd(row.rstd) {
    A sum_g = 0, sum_g_x_hat = 0;
#pragma omp simd reduction(+ : sum_g, sum_g_x_hat)
    for (std::int64_t c = 0; c < cols; ++c) {
      const A g = load(grad_out + c) * load(weight + c);
      sum_g += g;
      sum_g_x_hat += g * (load(x + c) - mean) * rstd;
    }
    mean_g = sum_g / static_cast<A>(cols);
    mean_g_x_hat = sum_g_x_hat / static_cast<A>(cols);
  }

  A at(std::int64_t c) const {
    const A g = load(grad_out + c) * load(weight + c);
    return rstd * (g - mean_g - (load(x + c) - mean) * rstd * mean_g_x_hat);
  }

  const T *grad_out, *x, *weight;
  A mean, rstd, mean_g, mean_g_x_hat;
};

/// Gradients of weight and bias: sums of grad_out * x_hat and of grad_out in fixed chunks of rows,
/// then over the chunks in order.
template <typename T>
static inline void layer_norm_backward_weight_bias(const LayerNormBackwardArgs& args) {
  using A = Acc<T>;
  if (args.grad_weight == nullptr && args.grad_bias == nullptr) return;
  const std::int64_t cols = args.cols;
  constexpr std::int64_t kRowsPerPartial = 128;
  const std::int64_t partials = (args.rows + kRowsPerPartial - 1) / kRowsPerPartial;
  const Scratch scratch(static_cast<std::size_t>(2 * partials * cols) * sizeof(A));
  A* sums = scratch.as<A>();  // [partials, 2, cols]
  parallel_chunks(args.rows, kRowsPerPartial, [&](std::int64_t begin, std::int64_t end) {
    A* weight_sum = sums + (begin / kRowsPerPartial) * 2 * cols;
    A* bias_sum = weight_sum + cols;
    for (std::int64_t c = 0; c < 2 * cols; ++c) weight_sum[c] = 0;
    for (std::int64_t row = begin; row < end; ++row) {
      const T* x = static_cast<const T*>(args.x) + row * cols;
      const T* grad_out = static_cast<const T*>(args.grad_out) + row * cols;
      const A mean = static_cast<const A*>(args.mean)[row];
      const A rstd = static_cast<const A*>(args.rstd)[row];
#pragma omp simd
      for (std::int64_t c = 0; c < cols; ++c) {
        const A g = load(grad_out + c);
        weight_sum[c] += g * (load(x + c) - mean) * rstd;
        bias_sum[c] += g;
      }
    }
  });
  for (std::int64_t c = 0; c < cols; ++c) {
    A weight_total = 0, bias_total = 0;
    for (std::int64_t p = 0; p < partials; ++p) {
      weight_total += sums[2 * p * cols + c];
      bias_total += sums[(2 * p + 1) * cols + c];
    }
    if (args.grad_weight)
      write_to(static_cast<T*>(args.grad_weight) + c, weight_total, args.write_weight);
    if (args.grad_bias) write_to(static_cast<T*>(args.grad_bias) + c, bias_total, args.write_bias);
  }
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
