// A Recording is a CUDA graph, captured from the context's stream.
#include <cuda_runtime.h>

#include "kernels/common/error.h"
#include "kernels/cuda/check_cuda.h"
#include "kernels/recording.h"

namespace seqpe::kernels {

using simt::check_cuda;

namespace {

bool capturing = false;
int count = 0;

}  // namespace

struct Recording::Work {
  cudaStream_t stream;
  cudaGraphExec_t graph = nullptr;

  explicit Work(const Context& context) : stream(static_cast<cudaStream_t>(context.stream)) {
    ++count;
  }
  ~Work() {
    --count;
    if (graph != nullptr) cudaGraphExecDestroy(graph);  // one that plays is freed when it has ended
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
};

Recording::Recording(const Context& context, const std::function<void()>& work)
    : work_(std::make_unique<Work>(context)) {
  refuse_while_recording("a recording");
  // Relaxed: the allocator may need memory from cudaMalloc meanwhile.
  check_cuda(cudaStreamBeginCapture(work_->stream, cudaStreamCaptureModeRelaxed),
             "cudaStreamBeginCapture");
  capturing = true;
  cudaGraph_t captured = nullptr;
  try {
    work();
  } catch (...) {
    capturing = false;
    cudaStreamEndCapture(work_->stream, &captured);
    if (captured != nullptr) cudaGraphDestroy(captured);
    cudaGetLastError();  // what broke the capture is told by the exception
    throw;
  }
  capturing = false;
  check_cuda(cudaStreamEndCapture(work_->stream, &captured), "cudaStreamEndCapture");
  const cudaError_t made = cudaGraphInstantiate(&work_->graph, captured, 0);
  cudaGraphDestroy(captured);
  check_cuda(made, "cudaGraphInstantiate");
}
Recording::~Recording() = default;
Recording::Recording(Recording&&) noexcept = default;
Recording& Recording::operator=(Recording&&) noexcept = default;

void Recording::play() const {
  refuse_while_recording("a recording's play");
  check_cuda(cudaGraphLaunch(work_->graph, work_->stream), "cudaGraphLaunch");
}

bool is_recording() {
  return capturing;
}

int recordings() {
  return count;
}

}  // namespace seqpe::kernels
