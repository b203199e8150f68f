#include "kernels/elementwise.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(add, AddArgs)
SEQPE_KERNEL_SWITCH(multiply, MultiplyArgs)
SEQPE_KERNEL_SWITCH(add_rows, AddRowsArgs)
SEQPE_KERNEL_SWITCH(add_rows_backward, AddRowsBackwardArgs)

}  // namespace seqpe::kernels
