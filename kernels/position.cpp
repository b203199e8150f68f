#include "kernels/position.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(position_forward, PositionForwardArgs)
SEQPE_KERNEL_SWITCH(position_backward, PositionBackwardArgs)

}  // namespace seqpe::kernels
