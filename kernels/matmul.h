// Matrix product of row-major matrices: out (=|+=) alpha * op(a) op(b), then bias and GELU on the
// way out.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

enum class Epilogue : std::uint8_t { none, bias, bias_gelu_tanh, bias_gelu_erf };

struct MatmulArgs {
  DType dtype = DType::f32;
  void* out = nullptr;      // [batch, m, n], rows `ldc` elements apart
  const void* a = nullptr;  // [batch, m, k], or [batch, k, m] if trans_a; rows `lda` apart
  const void* b = nullptr;  // [batch, k, n], or [batch, n, k] if trans_b; rows `ldb` apart
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t lda = 0, ldb = 0, ldc = 0;
  bool trans_a = false, trans_b = false;
  std::int64_t batch = 1;
  std::int64_t batch_stride_a = 0, batch_stride_b = 0,
               batch_stride_out = 0;  // 0 on an input: shared by the batch
  double alpha = 1.0;
  Write write = Write::overwrite;
  const void* bias = nullptr;  // [n]
  Epilogue epilogue = Epilogue::none;
  void* pre_activation =
      nullptr;  // [batch, m, n] like out: the value before the GELU, for backward; may be null
  bool wide_out = false;  // out is Acc<T>: f32 where a and b are bf16; without an epilogue only
};

/// The dtype of out.
constexpr DType out_dtype(const MatmulArgs& args) {
  return args.wide_out ? acc_dtype(args.dtype) : args.dtype;
}

/// Whether products of f32 on a GPU may round their factors to TF32, whose 10 bits of mantissa its
/// tensor cores take: several times faster. For the whole process; at first they may not.
void allow_tf32(bool allowed);
bool tf32_allowed();

/// An epilogue other than none needs a bias and Write::overwrite.
void matmul(const Context& context, const MatmulArgs& args);

namespace cpu {
void matmul(const MatmulArgs& args);

/// The product with its epilogue. The library's twin file (gemm_onednn.cpp, gemm_cblas.cpp or
/// gemm_none.cpp) takes what it is good at and leaves the rest to gemm_packed.
void gemm(const MatmulArgs& args);
}  // namespace cpu

namespace cuda {
void matmul(const Context& context, const MatmulArgs& args);
}

}  // namespace seqpe::kernels
