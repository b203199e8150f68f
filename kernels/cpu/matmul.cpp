#include "kernels/matmul.h"

#include "kernels/common/error.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/gemm_packed.h"

namespace seqpe::kernels {
SEQPE_KERNEL_SWITCH_CPU(matmul_epilogue, MatmulArgs)
SEQPE_KERNEL_SWITCH_CPU(gemm_packed, MatmulArgs)

namespace cpu {

void matmul(const MatmulArgs& args) {
  require(
      args.epilogue == Epilogue::none || (args.bias != nullptr && args.write == Write::overwrite &&
                                          !args.trans_a && !args.wide_out),
      "[matmul] an epilogue needs a bias, an overwritten output of the dtype of a and an a that "
      "is not transposed, got bias {}, accumulate {}, wide_out {}, trans_a {}.",
      args.bias != nullptr, args.write == Write::accumulate, args.wide_out, args.trans_a);
  gemm(args);
}

}  // namespace cpu
}  // namespace seqpe::kernels
