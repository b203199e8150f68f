// Two landings on the device: a block travels into one on the copy stream while the compute stream
// may still read the other; the step from there into its place is a copy on the device.
#include <cuda_runtime.h>

#include <cstring>

#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/memory_shortage.h"
#include "kernels/cuda/staging.h"
#include "kernels/cuda/stream.h"
#include "kernels/device.h"
#include "kernels/feed.h"
#include "kernels/recording.h"

namespace seqpe::kernels {

using simt::check_cuda;

namespace {

cudaStream_t copy_stream() {
  static cudaStream_t const stream = cuda::make_stream();
  return stream;
}

struct Landing {
  void* memory = nullptr;
  cudaEvent_t arrived = nullptr, left = nullptr;

  explicit Landing(std::size_t bytes)
      : memory(cuda::allocate_or_ask(bytes, "inputs from the host",
                                     [&] { return allocate_on_device(bytes); })) {
    for (cudaEvent_t* event : {&arrived, &left})
      check_cuda(cudaEventCreateWithFlags(event, cudaEventDisableTiming),
                 "cudaEventCreateWithFlags");
  }
  ~Landing() {
    cudaDeviceSynchronize();  // copies may be under way
    cudaEventDestroy(arrived);
    cudaEventDestroy(left);
    cudaFree(memory);
  }
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
};

}  // namespace

struct Feed::Landings {
  cudaStream_t compute;
  std::size_t bytes;
  Landing both[2];
  int next = 0;
  Landings(const Context& context, std::size_t bytes_)
      : compute(static_cast<cudaStream_t>(context.stream)),
        bytes(bytes_),
        both{Landing(bytes_), Landing(bytes_)} {}
};

Feed::Feed(const Context& context, std::size_t bytes)
    : landings_(std::make_unique<Landings>(context, bytes)) {}
Feed::~Feed() = default;
Feed::Feed(Feed&&) noexcept = default;
Feed& Feed::operator=(Feed&&) noexcept = default;

void Feed::send(void* to, const void* from) {
  refuse_while_recording("a copy from the host");
  const std::size_t bytes = landings_->bytes;
  const cudaStream_t compute = landings_->compute, copies = copy_stream();
  const Landing& landing = landings_->both[landings_->next];
  landings_->next = 1 - landings_->next;
  const cuda::Staging staging(bytes);
  std::memcpy(staging.data(), from, bytes);
  check_cuda(cudaStreamWaitEvent(copies, landing.left, 0), "cudaStreamWaitEvent");
  check_cuda(cudaMemcpyAsync(landing.memory, staging.data(), bytes, cudaMemcpyHostToDevice, copies),
             "cudaMemcpyAsync");
  staging.mark(copies);
  check_cuda(cudaEventRecord(landing.arrived, copies), "cudaEventRecord");
  check_cuda(cudaStreamWaitEvent(compute, landing.arrived, 0), "cudaStreamWaitEvent");
  check_cuda(cudaMemcpyAsync(to, landing.memory, bytes, cudaMemcpyDeviceToDevice, compute),
             "cudaMemcpyAsync");
  check_cuda(cudaEventRecord(landing.left, compute), "cudaEventRecord");
}

}  // namespace seqpe::kernels
