#include "kernels/dropout.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(dropout, DropoutArgs)

}  // namespace seqpe::kernels
