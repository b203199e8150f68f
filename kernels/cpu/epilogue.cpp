#include "kernels/cpu/epilogue.h"

#include "kernels/common/parallel.h"
#include "kernels/cpu/gelu.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename T, typename F>
void apply(const MatmulArgs& args, F activation) {
  using A = Acc<T>;
  const T* bias = static_cast<const T*>(args.bias);
  parallel_chunks(args.batch * args.m, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t item = row / args.m;
      const std::int64_t offset = item * args.batch_stride_out + (row - item * args.m) * args.ldc;
      T* out = static_cast<T*>(args.out) + offset;
      if (args.pre_activation != nullptr) {
        T* pre = static_cast<T*>(args.pre_activation) + offset;
#pragma omp simd
        for (std::int64_t c = 0; c < args.n; ++c) {
          const A value = load(out + c) + load(bias + c);
          store(pre + c, value);
          store(out + c, activation(value));
        }
      } else {
#pragma omp simd
        for (std::int64_t c = 0; c < args.n; ++c)
          store(out + c, activation(load(out + c) + load(bias + c)));
      }
    }
  });
}

}  // namespace

void matmul_epilogue(const MatmulArgs& args) {
  dispatch_floating("matmul", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = Acc<T>;
    switch (args.epilogue) {
      case Epilogue::none:
        return;
      case Epilogue::bias:
        return apply<T>(args, [](A x) { return x; });
      case Epilogue::bias_gelu_tanh:
        return apply<T>(args, [](A x) { return gelu_tanh(x); });
      case Epilogue::bias_gelu_erf:
        return apply<T>(args, [](A x) { return gelu_erf(x); });
    }
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
