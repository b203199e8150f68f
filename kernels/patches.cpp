#include "kernels/patches.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(patches, PatchesArgs)

}  // namespace seqpe::kernels
