#include "kernels/scalar.h"

#include "kernels/common/kernel.h"

namespace seqpe::kernels {

SEQPE_KERNEL_DEVICE_SWITCH(weighted_sum, WeightedSumArgs)
SEQPE_KERNEL_DEVICE_SWITCH(clip_factors, ClipFactorsArgs)

}  // namespace seqpe::kernels
