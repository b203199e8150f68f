#include "kernels/gelu.h"

#include "kernels/common/parallel.h"
#include "kernels/cpu/gelu.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kElementsPerChunk = 4096;

template <typename T, typename F>
void forward(const GeluForwardArgs& args, F function) {
  const T* x = static_cast<const T*>(args.x);
  T* out = static_cast<T*>(args.out);
  parallel_chunks(args.count, kElementsPerChunk, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) store(out + i, function(load(x + i)));
  });
}

template <typename T, typename F>
void backward(const GeluBackwardArgs& args, F derivative) {
  const T* x = static_cast<const T*>(args.x);
  const T* grad_out = static_cast<const T*>(args.grad_out);
  T* grad_x = static_cast<T*>(args.grad_x);
  const bool accumulate = args.write == Write::accumulate;
  parallel_chunks(args.count, kElementsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    if (accumulate) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) {
        store(grad_x + i, load(grad_x + i) + load(grad_out + i) * derivative(load(x + i)));
      }
    } else {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i)
        store(grad_x + i, load(grad_out + i) * derivative(load(x + i)));
    }
  });
}

}  // namespace

void gelu_forward(const GeluForwardArgs& args) {
  dispatch_floating("gelu", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = Acc<T>;
    if (args.form == GeluForm::tanh) return forward<T>(args, [](A x) { return gelu_tanh(x); });
    forward<T>(args, [](A x) { return gelu_erf(x); });
  });
}

void gelu_backward(const GeluBackwardArgs& args) {
  dispatch_floating("gelu", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = Acc<T>;
    if (args.form == GeluForm::tanh)
      return backward<T>(args, [](A x) { return gelu_tanh_derivative(x); });
    backward<T>(args, [](A x) { return gelu_erf_derivative(x); });
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
