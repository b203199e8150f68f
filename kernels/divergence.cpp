#include "kernels/divergence.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(divergence_forward, DivergenceForwardArgs)
SEQPE_KERNEL_SWITCH(divergence_backward, DivergenceBackwardArgs)

}  // namespace seqpe::kernels
