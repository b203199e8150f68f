#include "kernels/copy.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(copy_rows, CopyRowsArgs)

}  // namespace seqpe::kernels
