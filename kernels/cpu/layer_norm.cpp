// Layer normalisation: a thread takes whole rows.
#include "kernels/cpu/layer_norm_row.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename T>
void forward(const LayerNormForwardArgs& args) {
  using A = Acc<T>;
  const std::int64_t cols = args.cols;
  parallel_chunks(args.rows, kLayerNormRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* x = static_cast<const T*>(args.x) + row * cols;
      const RowStatistics<A> statistics = row_statistics(x, cols, args.eps);
      normalise_row(static_cast<T*>(args.out) + row * cols, x, statistics,
                    static_cast<const T*>(args.weight), static_cast<const T*>(args.bias), cols);
      static_cast<A*>(args.mean)[row] = statistics.mean;
      static_cast<A*>(args.rstd)[row] = statistics.rstd;
    }
  });
}

template <typename T>
void write_grad_x(const LayerNormBackwardArgs& args, std::int64_t row, const T* grad_out,
                  const T* x, const RowStatistics<Acc<T>>& statistics) {
  T* grad_x = static_cast<T*>(args.grad_x) + row * args.cols;
  const RowGradient<T> gradient(grad_out, x, static_cast<const T*>(args.weight), statistics,
                                args.cols);
  if (args.write_x == Write::accumulate) {
#pragma omp simd
    for (std::int64_t c = 0; c < args.cols; ++c)
      store(grad_x + c, load(grad_x + c) + gradient.at(c));
  } else {
#pragma omp simd
    for (std::int64_t c = 0; c < args.cols; ++c) store(grad_x + c, gradient.at(c));
  }
}

template <typename T>
void backward(const LayerNormBackwardArgs& args) {
  using A = Acc<T>;
  const std::int64_t cols = args.cols;
  const WeightBiasSums<T> sums({args.grad_weight, args.write_weight},
                               {args.grad_bias, args.write_bias}, args.rows, cols);
  parallel_chunks(args.rows, kLayerNormRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    A* const chunk = sums.start_chunk(begin);
    for (std::int64_t row = begin; row < end; ++row) {
      const T* grad_out = static_cast<const T*>(args.grad_out) + row * cols;
      const T* x = static_cast<const T*>(args.x) + row * cols;
      const RowStatistics<A> statistics = {static_cast<const A*>(args.mean)[row],
                                           static_cast<const A*>(args.rstd)[row]};
      if (args.grad_x != nullptr) write_grad_x<T>(args, row, grad_out, x, statistics);
      sums.add_row(chunk, grad_out, x, statistics, cols);
    }
  });
  sums.write();
}

}  // namespace

void layer_norm_forward(const LayerNormForwardArgs& args) {
  dispatch_floating("layer_norm", args.dtype,
                    [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

void layer_norm_backward(const LayerNormBackwardArgs& args) {
  dispatch_floating("layer_norm", args.dtype,
                    [&](auto tag) { backward<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
