#include "kernels/layer_norm.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(layer_norm_forward, LayerNormForwardArgs)
SEQPE_KERNEL_SWITCH(layer_norm_backward, LayerNormBackwardArgs)

}  // namespace seqpe::kernels
