// Layer normalisation: a thread takes whole rows; sums over a row run in vector lanes of fixed
// width, so the result does not depend on the number of threads. The gradients of weight and bias
// are summed in fixed chunks of rows, then over the chunks in order.
#include "kernels/layer_norm.h"

#include <cmath>

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kRowsPerChunk = 16;

template <typename T>
void forward(const LayerNormForwardArgs& args) {
  using A = Acc<T>;
  const std::int64_t cols = args.cols;
  const T* weight = static_cast<const T*>(args.weight);
  const T* bias = static_cast<const T*>(args.bias);
  parallel_chunks(args.rows, kRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* x = static_cast<const T*>(args.x) + row * cols;
      T* out = static_cast<T*>(args.out) + row * cols;
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
      const A rstd = A(1) / std::sqrt(squares / static_cast<A>(cols) + static_cast<A>(args.eps));
#pragma omp simd
      for (std::int64_t c = 0; c < cols; ++c) {
        store(out + c, (load(x + c) - mean) * rstd * load(weight + c) + load(bias + c));
      }
      static_cast<A*>(args.mean)[row] = mean;
      static_cast<A*>(args.rstd)[row] = rstd;
    }
  });
}

/// grad_x = rstd * (g - mean(g) - x_hat * mean(g * x_hat)),  g = grad_out * weight
template <typename T>
void backward_x(const LayerNormBackwardArgs& args) {
  using A = Acc<T>;
  const std::int64_t cols = args.cols;
  const T* weight = static_cast<const T*>(args.weight);
  parallel_chunks(args.rows, kRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* x = static_cast<const T*>(args.x) + row * cols;
      const T* grad_out = static_cast<const T*>(args.grad_out) + row * cols;
      T* grad_x = static_cast<T*>(args.grad_x) + row * cols;
      const A mean = static_cast<const A*>(args.mean)[row];
      const A rstd = static_cast<const A*>(args.rstd)[row];
      A sum_g = 0, sum_g_x_hat = 0;
#pragma omp simd reduction(+ : sum_g, sum_g_x_hat)
      for (std::int64_t c = 0; c < cols; ++c) {
        const A g = load(grad_out + c) * load(weight + c);
        sum_g += g;
        sum_g_x_hat += g * (load(x + c) - mean) * rstd;
      }
      const A mean_g = sum_g / static_cast<A>(cols);
      const A mean_g_x_hat = sum_g_x_hat / static_cast<A>(cols);
      const auto gradient = [&](std::int64_t c) {
        const A g = load(grad_out + c) * load(weight + c);
        const A x_hat = (load(x + c) - mean) * rstd;
        return rstd * (g - mean_g - x_hat * mean_g_x_hat);
      };
      if (args.write_x == Write::accumulate) {
#pragma omp simd
        for (std::int64_t c = 0; c < cols; ++c) store(grad_x + c, load(grad_x + c) + gradient(c));
      } else {
#pragma omp simd
        for (std::int64_t c = 0; c < cols; ++c) store(grad_x + c, gradient(c));
      }
    }
  });
}

/// Sums grad_out * x_hat and grad_out over the rows.
template <typename T>
void backward_weight_bias(const LayerNormBackwardArgs& args) {
  using A = Acc<T>;
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

}  // namespace

void layer_norm_forward(const LayerNormForwardArgs& args) {
  dispatch_floating("layer_norm", args.dtype,
                    [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

void layer_norm_backward(const LayerNormBackwardArgs& args) {
  dispatch_floating("layer_norm", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (args.grad_x) backward_x<T>(args);
    if (args.grad_weight || args.grad_bias) backward_weight_bias<T>(args);
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
