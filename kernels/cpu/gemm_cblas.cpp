// GEMM by a CBLAS: f32 and f64; bf16 goes to our own loops.
#include <cblas.h>

#include <limits>

#include "kernels/common/error.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/gemm_packed.h"

namespace seqpe::kernels::cpu {
namespace {

template <typename T, typename Function>
void multiply(const MatmulArgs& args, Function gemm_function) {
  const auto int_of = [](std::int64_t value) {
    require(value <= std::numeric_limits<blasint>::max(),
            "[matmul] this CBLAS takes sizes up to {}, got {}.",
            std::numeric_limits<blasint>::max(), value);
    return static_cast<blasint>(value);
  };
  for (std::int64_t item = 0; item < args.batch; ++item) {
    gemm_function(CblasRowMajor, args.trans_a ? CblasTrans : CblasNoTrans,
                  args.trans_b ? CblasTrans : CblasNoTrans, int_of(args.m), int_of(args.n),
                  int_of(args.k), static_cast<T>(args.alpha),
                  static_cast<const T*>(args.a) + item * args.batch_stride_a, int_of(args.lda),
                  static_cast<const T*>(args.b) + item * args.batch_stride_b, int_of(args.ldb),
                  args.write == Write::accumulate ? T(1) : T(0),
                  static_cast<T*>(args.out) + item * args.batch_stride_out, int_of(args.ldc));
  }
}

}  // namespace

void gemm(const MatmulArgs& args) {
  if (args.m == 0 || args.n == 0 || args.k == 0 || args.dtype == DType::bf16)
    return gemm_packed(args);
  if (args.dtype == DType::f32) {
    multiply<float>(args, cblas_sgemm);
  } else {
    multiply<double>(args, cblas_dgemm);
  }
  matmul_epilogue(args);
}

}  // namespace seqpe::kernels::cpu
