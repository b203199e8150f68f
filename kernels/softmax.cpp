#include "kernels/softmax.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(softmax_forward, SoftmaxForwardArgs)
SEQPE_KERNEL_SWITCH(softmax_backward, SoftmaxBackwardArgs)

}  // namespace seqpe::kernels
