// Moments as events on a stream, those of the CPU by the host's clock.
#include <cuda_runtime.h>

#include <chrono>

#include "kernels/cuda/check_cuda.h"
#include "kernels/moment.h"

namespace seqpe::kernels {

using simt::check_cuda;

struct Moment::Mark {
  std::chrono::steady_clock::time_point time = std::chrono::steady_clock::now();
  cudaEvent_t event = nullptr;

  explicit Mark(const Context& context) {
    if (context.device == Device::cpu) return;
    check_cuda(cudaEventCreate(&event), "cudaEventCreate");
    check_cuda(cudaEventRecord(event, static_cast<cudaStream_t>(context.stream)),
               "cudaEventRecord");
  }
  ~Mark() {
    if (event != nullptr) cudaEventDestroy(event);
  }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;
};

Moment::Moment(const Context& context) : mark_(std::make_unique<Mark>(context)) {}
Moment::~Moment() = default;
Moment::Moment(Moment&&) noexcept = default;
Moment& Moment::operator=(Moment&&) noexcept = default;

double Moment::seconds_since(const Moment& earlier) const {
  if (mark_->event == nullptr)
    return std::chrono::duration<double>(mark_->time - earlier.mark_->time).count();
  check_cuda(cudaEventSynchronize(mark_->event), "cudaEventSynchronize");
  float milliseconds = 0;
  check_cuda(cudaEventElapsedTime(&milliseconds, earlier.mark_->event, mark_->event),
             "cudaEventElapsedTime");
  return 1e-3 * static_cast<double>(milliseconds);
}

}  // namespace seqpe::kernels
