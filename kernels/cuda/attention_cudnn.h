// Attention by cuDNN, in bf16, with the second pair as further columns of queries and keys. Twin
// files: attention_cudnn.cpp on a GPU where the build has cuDNN's headers, attention_cudnn_none.cpp
// where not and on the emulated device.
#pragma once

#include "kernels/attention.h"

namespace seqpe::kernels::cuda {

/// False, and nothing done, where kernels/attention_backend.h does not allow it or cuDNN does not
/// do it. What was dropped forward is dropped backward: both answer alike where there is dropout.
bool attention_forward_cudnn(const Context& context, const AttentionForwardArgs& args);
bool attention_backward_cudnn(const Context& context, const AttentionBackwardArgs& args);

}  // namespace seqpe::kernels::cuda
