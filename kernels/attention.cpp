#include "kernels/attention.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(attention_forward, AttentionForwardArgs)
SEQPE_KERNEL_SWITCH(attention_backward, AttentionBackwardArgs)

}  // namespace seqpe::kernels
