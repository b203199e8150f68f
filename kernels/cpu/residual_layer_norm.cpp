// A thread takes whole rows: the sum is written and normalised while it sits in the cache.
#include "kernels/residual_layer_norm.h"

#include "kernels/cpu/dropout_mask.h"
#include "kernels/cpu/layer_norm_row.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

/// Calls body(begin, end, keep) for pieces of row `row`; keep[c - begin] is 0 or 1 / (1 - p).
template <typename A, typename Body>
void with_mask(const DropoutDraw& dropout, std::int64_t row, std::int64_t cols, const Body& body) {
  constexpr std::int64_t kPiece = 1024;
  std::uint16_t numbers[kPiece];
  A keep[kPiece];
  const std::uint32_t threshold = dropout_threshold(dropout.probability);
  const A scale = static_cast<A>(1.0 / (1.0 - dropout.probability));
  for (std::int64_t begin = 0; begin < cols; begin += kPiece) {
    const std::int64_t count = cols - begin < kPiece ? cols - begin : kPiece;
    dropout_numbers(dropout, row * cols + begin, count, numbers);
    for (std::int64_t c = 0; c < count; ++c) keep[c] = numbers[c] < threshold ? A(0) : scale;
    body(begin, begin + count, keep);
  }
}

template <typename T>
void forward(const ResidualLayerNormForwardArgs& args) {
  using A = Acc<T>;
  const std::int64_t cols = args.cols;
  parallel_chunks(args.rows, kLayerNormRowsPerChunk, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const T* residual = static_cast<const T*>(args.residual) + row * cols;
      const T* branch = static_cast<const T*>(args.branch) + row * cols;
      T* sum = static_cast<T*>(args.sum) + row * cols;
      if (args.dropout.probability == 0.0) {
#pragma omp simd
        for (std::int64_t c = 0; c < cols; ++c)
          store(sum + c, load(residual + c) + load(branch + c));
      } else {
        with_mask<A>(args.dropout, row, cols,
                     [&](std::int64_t begin, std::int64_t end, const A* keep) {
#pragma omp simd
                       for (std::int64_t c = begin; c < end; ++c)
                         store(sum + c, load(residual + c) + load(branch + c) * keep[c - begin]);
                     });
      }
      const RowStatistics<A> statistics = row_statistics(sum, cols, args.eps);
      normalise_row(static_cast<T*>(args.out) + row * cols, sum, statistics,
                    static_cast<const T*>(args.weight), static_cast<const T*>(args.bias), cols);
      static_cast<A*>(args.mean)[row] = statistics.mean;
      static_cast<A*>(args.rstd)[row] = statistics.rstd;
    }
  });
}

/// total = grad_sum + the gradient through the layer norm, of row `row`, to where it is wanted.
template <typename T>
void write_grad_inputs(const ResidualLayerNormBackwardArgs& args, std::int64_t row, Acc<T>* total,
                       const RowGradient<T>& gradient) {
  using A = Acc<T>;
  const std::int64_t cols = args.cols;
  if (args.grad_sum != nullptr) {
    const T* grad_sum = static_cast<const T*>(args.grad_sum) + row * cols;
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) total[c] = load(grad_sum + c) + gradient.at(c);
  } else {
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) total[c] = gradient.at(c);
  }
  if (args.grad_residual != nullptr) {
    T* grad_residual = static_cast<T*>(args.grad_residual) + row * cols;
    for (std::int64_t c = 0; c < cols; ++c)
      write_to(grad_residual + c, total[c], args.write_residual);
  }
  if (args.grad_branch == nullptr) return;
  T* grad_branch = static_cast<T*>(args.grad_branch) + row * cols;
  if (args.dropout.probability == 0.0) {
    for (std::int64_t c = 0; c < cols; ++c) write_to(grad_branch + c, total[c], args.write_branch);
    return;
  }
  with_mask<A>(args.dropout, row, cols, [&](std::int64_t begin, std::int64_t end, const A* keep) {
    for (std::int64_t c = begin; c < end; ++c)
      write_to(grad_branch + c, total[c] * keep[c - begin], args.write_branch);
  });
}

template <typename T>
void backward(const ResidualLayerNormBackwardArgs& args) {
  using A = Acc<T>;
  const std::int64_t cols = args.cols;
  const bool wants_inputs = args.grad_residual != nullptr || args.grad_branch != nullptr;
  const WeightBiasSums<T> sums({args.grad_weight, args.write_weight},
                               {args.grad_bias, args.write_bias}, args.rows, cols);
  parallel_chunks(args.rows, kLayerNormRowsPerChunk, [&](std::int64_t first, std::int64_t last) {
    const Scratch total(static_cast<std::size_t>(cols) * sizeof(A));
    A* const chunk = sums.start_chunk(first);
    for (std::int64_t row = first; row < last; ++row) {
      const T* grad_out = static_cast<const T*>(args.grad_out) + row * cols;
      const T* sum = static_cast<const T*>(args.sum) + row * cols;
      const RowStatistics<A> statistics = {static_cast<const A*>(args.mean)[row],
                                           static_cast<const A*>(args.rstd)[row]};
      if (wants_inputs) {
        write_grad_inputs<T>(
            args, row, total.as<A>(),
            RowGradient<T>(grad_out, sum, static_cast<const T*>(args.weight), statistics, cols));
      }
      sums.add_row(chunk, grad_out, sum, statistics, cols);
    }
  });
  sums.write();
}

}  // namespace

void residual_layer_norm_forward(const ResidualLayerNormForwardArgs& args) {
  dispatch_floating("residual_layer_norm", args.dtype,
                    [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

void residual_layer_norm_backward(const ResidualLayerNormBackwardArgs& args) {
  dispatch_floating("residual_layer_norm", args.dtype,
                    [&](auto tag) { backward<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
