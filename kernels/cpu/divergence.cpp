#include "kernels/divergence.h"

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"
#include "kernels/cpu/vector_math.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kElementsPerChunk = 4096;

template <typename T>
void forward(const DivergenceForwardArgs& args) {
  using A = Acc<T>;
  const T *t = static_cast<const T*>(args.target), *s = static_cast<const T*>(args.student);
  const bool kl = args.kind == DivergenceKind::kl_div;
  const std::int64_t partials = (args.count + kElementsPerChunk - 1) / kElementsPerChunk;
  const Scratch scratch(static_cast<std::size_t>(partials) * sizeof(double));
  double* sums = scratch.as<double>();
  parallel_chunks(args.count, kElementsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    double total = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const A difference = load(t + i) - load(s + i);
      total +=
          static_cast<double>(kl ? fast_exp(load(t + i)) * difference : difference * difference);
    }
    sums[begin / kElementsPerChunk] = total;
  });
  double total = 0;
  for (std::int64_t p = 0; p < partials; ++p) total += sums[p];
  *args.out = args.count == 0 ? 0.0 : total / static_cast<double>(args.count);
}

template <typename T>
void backward(const DivergenceBackwardArgs& args) {
  using A = Acc<T>;
  const T *t = static_cast<const T*>(args.target), *s = static_cast<const T*>(args.student);
  T *grad_t = static_cast<T*>(args.grad_target), *grad_s = static_cast<T*>(args.grad_student);
  const bool kl = args.kind == DivergenceKind::kl_div;
  const A scale = static_cast<A>(*args.grad_out / static_cast<double>(args.count));
  parallel_chunks(args.count, kElementsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const A difference = load(t + i) - load(s + i);
      const A p = kl ? fast_exp(load(t + i)) : A(0);
      if (grad_t)
        write_to(grad_t + i, scale * (kl ? p * (difference + A(1)) : A(2) * difference),
                 args.write_target);
      if (grad_s) write_to(grad_s + i, scale * (kl ? -p : A(-2) * difference), args.write_student);
    }
  });
}

}  // namespace

void divergence_forward(const DivergenceForwardArgs& args) {
  dispatch_floating("divergence", args.dtype,
                    [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

void divergence_backward(const DivergenceBackwardArgs& args) {
  dispatch_floating("divergence", args.dtype,
                    [&](auto tag) { backward<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
