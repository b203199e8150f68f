#include "kernels/sine_cosine.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(sine_cosine_forward, SineCosineForwardArgs)
SEQPE_KERNEL_SWITCH(sine_cosine_backward, SineCosineBackwardArgs)

}  // namespace seqpe::kernels
