#include "kernels/embedding.h"

namespace seqpe::kernels {

SEQPE_KERNEL_SWITCH(embedding_forward, EmbeddingForwardArgs)
SEQPE_KERNEL_SWITCH(embedding_backward, EmbeddingBackwardArgs)

}  // namespace seqpe::kernels
