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
void backward_x(const LayerNormBackwardArgs& args) {
  using A = Acc<T>;
  const std::int64_t cols = args.cols;
  parallel_chunks(args.rows, kLayerNormRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      T* grad_x = static_cast<T*>(args.grad_x) + row * cols;
      const RowGradient<T> gradient(
          static_cast<const T*>(args.grad_out) + row * cols,
          static_cast<const T*>(args.x) + row * cols, static_cast<const T*>(args.weight),
          {static_cast<const A*>(args.mean)[row], static_cast<const A*>(args.rstd)[row]}, cols);
      if (args.write_x == Write::accumulate) {
#pragma omp simd
        for (std::int64_t c = 0; c < cols; ++c)
          store(grad_x + c, load(grad_x + c) + gradient.at(c));
      } else {
#pragma omp simd
        for (std::int64_t c = 0; c < cols; ++c) store(grad_x + c, gradient.at(c));
      }
    }
  });
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
    layer_norm_backward_weight_bias<T>(args);
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
