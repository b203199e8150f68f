#include "kernels/reduce.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(column_sum, ColumnSumArgs)
SEQPE_KERNEL_SWITCH(sum, SumArgs)
SEQPE_KERNEL_SWITCH(sum_of_squares, SumArgs)

}  // namespace seqpe::kernels
