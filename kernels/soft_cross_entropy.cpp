#include "kernels/soft_cross_entropy.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(soft_cross_entropy, SoftCrossEntropyArgs)

}  // namespace seqpe::kernels
