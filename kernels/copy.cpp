#include "kernels/copy.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(copy_rows, CopyRowsArgs)
SEQPE_KERNEL_SWITCH(convert, ConvertArgs)
SEQPE_KERNEL_SWITCH(fill, FillArgs)

}  // namespace seqpe::kernels
