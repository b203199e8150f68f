// The twin of gemm_onednn.cpp and gemm_cblas.cpp for a build without a GEMM library.
#include "kernels/cpu/gemm_packed.h"

namespace seqpe::kernels::cpu {

void gemm(const MatmulArgs& args) {
  gemm_packed(args);
}

}  // namespace seqpe::kernels::cpu
