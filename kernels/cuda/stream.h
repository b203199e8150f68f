// Streams of the engine's own.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/check_cuda.h"

namespace seqpe::kernels::cuda {

/// One that does not wait for CUDA's default stream, nor that for it. Lives as long as the process.
inline cudaStream_t make_stream() {
  cudaStream_t stream = nullptr;
  simt::check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
                   "cudaStreamCreateWithFlags");
  return stream;
}

}  // namespace seqpe::kernels::cuda
