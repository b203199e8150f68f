#include "kernels/cross_entropy.h"

#include <cmath>

#include "kernels/common/parallel.h"
#include "kernels/cpu/softmax_row.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename T>
void rows_of(const CrossEntropyArgs& args, std::int64_t begin, std::int64_t end) {
  using A = Acc<T>;
  const A smoothing = static_cast<A>(args.label_smoothing);
  const A spread = smoothing / static_cast<A>(args.cols);
  const A grad_scale = static_cast<A>(args.grad_scale);
  for (std::int64_t row = begin; row < end; ++row) {
    const T* x = static_cast<const T*>(args.logits) + row * args.stride;
    T* grad = args.grad_logits ? static_cast<T*>(args.grad_logits) + row * args.stride : nullptr;
    A* loss = static_cast<A*>(args.losses) + row;
    const std::int64_t label = args.labels[row];
    if (label == kIgnoreIndex) {
      *loss = 0;
      for (std::int64_t c = 0; grad != nullptr && c < args.cols; ++c) store(grad + c, A(0));
      continue;
    }
    const A maximum = row_maximum(x, args.cols);
    const A sum = row_sum_of_exp(x, args.cols, maximum);
    const A lse = maximum + std::log(sum);
    *loss = (A(1) - smoothing) * (lse - load(x + label));
    if (smoothing > 0) {
      A total = 0;
#pragma omp simd reduction(+ : total)
      for (std::int64_t c = 0; c < args.cols; ++c) total += load(x + c);
      *loss += smoothing * lse - spread * total;
    }
    if (grad == nullptr) continue;
    const A factor = grad_scale / sum, offset = spread * grad_scale;
    // The label's element is taken before the row is overwritten in place.
    const A at_label =
        fast_exp(load(x + label) - maximum) * factor - offset - (A(1) - smoothing) * grad_scale;
#pragma omp simd
    for (std::int64_t c = 0; c < args.cols; ++c)
      store(grad + c, fast_exp(load(x + c) - maximum) * factor - offset);
    store(grad + label, at_label);
  }
}

}  // namespace

void cross_entropy(const CrossEntropyArgs& args) {
  dispatch_floating("cross_entropy", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_chunks(args.rows, 4,
                    [&](std::int64_t begin, std::int64_t end) { rows_of<T>(args, begin, end); });
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
