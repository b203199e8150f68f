#include "kernels/soft_cross_entropy.h"

#include <cmath>

#include "kernels/common/parallel.h"
#include "kernels/cpu/softmax_row.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename T>
void rows_of(const SoftCrossEntropyArgs& args, std::int64_t begin, std::int64_t end) {
  using A = Acc<T>;
  const A grad_scale = static_cast<A>(args.grad_scale);
  for (std::int64_t row = begin; row < end; ++row) {
    const T* x = static_cast<const T*>(args.logits) + row * args.cols;
    const float* targets = args.targets + row * args.cols;
    const A maximum = row_maximum(x, args.cols);
    const A sum = row_sum_of_exp(x, args.cols, maximum);
    const A lse = maximum + std::log(sum);
    A weight = 0, loss = 0;
#pragma omp simd reduction(+ : weight, loss)
    for (std::int64_t c = 0; c < args.cols; ++c) {
      const A target = static_cast<A>(targets[c]);
      weight += target;
      loss += target * (lse - load(x + c));
    }
    static_cast<A*>(args.losses)[row] = loss;
    if (args.grad_logits == nullptr) continue;
    T* grad = static_cast<T*>(args.grad_logits) + row * args.cols;
    const A factor = weight / sum;
#pragma omp simd
    for (std::int64_t c = 0; c < args.cols; ++c) {
      const A probability = fast_exp(load(x + c) - maximum) * factor;
      store(grad + c, grad_scale * (probability - static_cast<A>(targets[c])));
    }
  }
}

}  // namespace

void soft_cross_entropy(const SoftCrossEntropyArgs& args) {
  dispatch_floating("soft_cross_entropy", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_chunks(args.rows, 4,
                    [&](std::int64_t begin, std::int64_t end) { rows_of<T>(args, begin, end); });
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
