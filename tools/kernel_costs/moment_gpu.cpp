// CUDA's events.
#include <cuda_runtime.h>

#include "kernels/cuda/check_cuda.h"
#include "tools/kernel_costs/moment.h"

namespace seqpe::costs {
namespace {

using simt::check_cuda;

cudaEvent_t event_of(const std::shared_ptr<void>& state) {
  return static_cast<cudaEvent_t>(state.get());
}

}  // namespace

Moment::Moment(const Context& context) {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreate(&event), "cudaEventCreate");
  state_ = {event, [](void* held) { cudaEventDestroy(static_cast<cudaEvent_t>(held)); }};
  check_cuda(cudaEventRecord(event, static_cast<cudaStream_t>(context.stream)), "cudaEventRecord");
}

double Moment::seconds_since(const Moment& earlier) const {
  check_cuda(cudaEventSynchronize(event_of(state_)), "cudaEventSynchronize");
  float milliseconds = 0;
  check_cuda(cudaEventElapsedTime(&milliseconds, event_of(earlier.state_), event_of(state_)),
             "cudaEventElapsedTime");
  return 1e-3 * static_cast<double>(milliseconds);
}

}  // namespace seqpe::costs
