// One row of a layer norm, and the sums that give the gradients of weight and bias: what layer_norm
// and residual_layer_norm share. Sums over a row run in vector lanes of fixed width, so a result
// does not depend on the number of threads.
#pragma once

#include <cmath>

#include "kernels/common/cut.h"
#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"
#include "kernels/layer_norm.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

constexpr std::int64_t kLayerNormRowsPerChunk = 32;

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

/// Gradients of weight and bias: sums over rows of grad_out * x_hat and of grad_out, taken while a
/// row is in the cache, for each chunk of kLayerNormRowsPerChunk rows on its own.
template <typename T>
class WeightBiasSums {
 public:
  using A = Acc<T>;
  struct Target {
    void* grad;  // [cols]; null: not wanted
    Write write;
  };

  WeightBiasSums(Target weight, Target bias, std::int64_t rows, std::int64_t cols)
      : weight_(weight),
        bias_(bias),
        chunks_(weight.grad == nullptr && bias.grad == nullptr
                    ? 0
                    : pieces_of(rows, kLayerNormRowsPerChunk)),
        cols_(cols),
        memory_(static_cast<std::size_t>(2 * chunks_ * cols) * sizeof(A)) {}

  /// Sums of the chunk that begins with `row`, [2, cols]; null if none are wanted.
  A* start_chunk(std::int64_t row) const {
    if (chunks_ == 0) return nullptr;
    A* const sums = memory_.template as<A>() + row / kLayerNormRowsPerChunk * 2 * cols_;
    for (std::int64_t c = 0; c < 2 * cols_; ++c) sums[c] = 0;
    return sums;
  }

  static void add_row(A* sums, const T* grad_out, const T* x, const RowStatistics<A>& row,
                      std::int64_t cols) {
    if (sums == nullptr) return;
    A *weight_sum = sums, *bias_sum = sums + cols;
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) {
      const A g = load(grad_out + c);
      weight_sum[c] += g * (load(x + c) - row.mean) * row.rstd;
      bias_sum[c] += g;
    }
  }

  /// Adds up the chunks in order.
  void write() const {
    if (weight_.grad != nullptr) write(weight_, memory_.template as<A>());
    if (bias_.grad != nullptr) write(bias_, memory_.template as<A>() + cols_);
  }

 private:
  void write(const Target& target, const A* sums) const {
    constexpr std::int64_t kColumns = 64;
    parallel_chunks(cols_, kColumns, [&](std::int64_t begin, std::int64_t end) {
      A totals[kColumns] = {};
      for (std::int64_t chunk = 0; chunk < chunks_; ++chunk) {
        for (std::int64_t c = begin; c < end; ++c) totals[c - begin] += sums[2 * chunk * cols_ + c];
      }
      for (std::int64_t c = begin; c < end; ++c)
        write_to(static_cast<T*>(target.grad) + c, totals[c - begin], target.write);
    });
  }

  Target weight_, bias_;
  std::int64_t chunks_, cols_;
  Scratch memory_;  // [chunks, 2, cols]
};

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
