#include "kernels/residual_layer_norm.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(residual_layer_norm_forward, ResidualLayerNormForwardArgs)
SEQPE_KERNEL_SWITCH(residual_layer_norm_backward, ResidualLayerNormBackwardArgs)

}  // namespace seqpe::kernels
