// The matrix product as it is defined.
#pragma once

#include "kernels/matmul.h"
#include "tests/reference/gelu.h"
#include "tests/support/kernel_test.h"

namespace seqpe::reference {

/// `out` is what the output held before. Sizes, strides and switches come from `args`, its pointers
/// are not read.
inline void matmul(const kernels::MatmulArgs& args, const test::Doubles& a, const test::Doubles& b,
                   const test::Doubles& bias, test::Doubles& out, test::Doubles& pre_activation) {
  using kernels::Epilogue;
  const auto at = [](const test::Doubles& x, std::int64_t i) {
    return x[static_cast<std::size_t>(i)];
  };
  for (std::int64_t item = 0; item < args.batch; ++item) {
    for (std::int64_t i = 0; i < args.m; ++i) {
      for (std::int64_t j = 0; j < args.n; ++j) {
        double sum = 0;
        for (std::int64_t d = 0; d < args.k; ++d) {
          sum += at(a, item * args.batch_stride_a +
                           (args.trans_a ? d * args.lda + i : i * args.lda + d)) *
                 at(b, item * args.batch_stride_b +
                           (args.trans_b ? j * args.ldb + d : d * args.ldb + j));
        }
        const auto target =
            static_cast<std::size_t>(item * args.batch_stride_out + i * args.ldc + j);
        double value = args.alpha * sum;
        if (args.epilogue != Epilogue::none) value += at(bias, j);
        if (!pre_activation.empty()) pre_activation[target] = value;
        if (args.epilogue == Epilogue::bias_gelu_tanh) value = gelu_tanh(value);
        if (args.epilogue == Epilogue::bias_gelu_erf) value = gelu_erf(value);
        out[target] = args.write == Write::accumulate ? out[target] + value : value;
      }
    }
  }
}

}  // namespace seqpe::reference
