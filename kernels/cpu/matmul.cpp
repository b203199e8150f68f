// The product, then its epilogue: a pass over the whole output. In blocks of rows that stay in a
// cache the pass is no shorter, and the products run at two thirds of their rate.
#include "kernels/matmul.h"

#include "kernels/common/error.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/gemm_packed.h"

namespace seqpe::kernels {
SEQPE_KERNEL_SWITCH_CPU(matmul_epilogue, MatmulArgs)
SEQPE_KERNEL_SWITCH_CPU(gemm_packed, MatmulArgs)

namespace cpu {

void matmul(const MatmulArgs& args) {
  if (args.epilogue == Epilogue::none) return gemm(args);
  require(
      args.bias != nullptr && args.write == Write::overwrite && !args.trans_a && !args.wide_out,
      "[matmul] an epilogue needs a bias, an overwritten output of the dtype of a and an a that "
      "is not transposed, got bias {}, accumulate {}, wide_out {}, trans_a {}.",
      args.bias != nullptr, args.write == Write::accumulate, args.wide_out, args.trans_a);
  gemm(args);
  const KernelTimer timer("matmul_epilogue");
  matmul_epilogue(args);
}

}  // namespace cpu
}  // namespace seqpe::kernels
