#include "kernels/matmul.h"

#include "kernels/common/error.h"

namespace seqpe::kernels {

SEQPE_KERNEL_DEVICE_SWITCH(matmul, MatmulArgs)

}  // namespace seqpe::kernels
