#include "kernels/gelu.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(gelu_forward, GeluForwardArgs)
SEQPE_KERNEL_SWITCH(gelu_backward, GeluBackwardArgs)

}  // namespace seqpe::kernels
