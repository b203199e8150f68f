#include "kernels/cross_entropy.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(cross_entropy, CrossEntropyArgs)

}  // namespace seqpe::kernels
