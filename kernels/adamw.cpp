#include "kernels/adamw.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(adamw, AdamwArgs)

}  // namespace seqpe::kernels
