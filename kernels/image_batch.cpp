#include "kernels/image_batch.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(image_batch, ImageBatchArgs)

}  // namespace seqpe::kernels
