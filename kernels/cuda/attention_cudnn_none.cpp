#include "kernels/attention_backend.h"
#include "kernels/cuda/attention_cudnn.h"
#include "kernels/device.h"

namespace seqpe::kernels::cuda {
namespace {

bool refuse() {
  attention_falls_back(cuda_device() == CudaDevice::emulated ? "the device is emulated"
                                                             : "this build has no cuDNN headers");
  return false;
}

}  // namespace

bool attention_forward_cudnn(const Context& /*context*/, const AttentionForwardArgs& /*args*/) {
  return refuse();
}
bool attention_backward_cudnn(const Context& /*context*/, const AttentionBackwardArgs& /*args*/) {
  return refuse();
}

}  // namespace seqpe::kernels::cuda
