// Scratch from CUDA's own pool of the stream, which keeps what is given back for the next launch.
#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/common/error.h"
#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/scratch.h"

namespace seqpe::kernels::cuda {
namespace {

using simt::check_cuda;

/// By default the pool returns its memory to the system at every synchronisation.
bool keep_pool() {
  int device = 0;
  cudaMemPool_t pool = nullptr;
  std::uint64_t all = UINT64_MAX;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetDefaultMemPool(&pool, device), "cudaDeviceGetDefaultMemPool");
  check_cuda(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all),
             "cudaMemPoolSetAttribute");
  return true;
}

}  // namespace

DeviceScratch::DeviceScratch(const Context& context, std::size_t bytes)
    : context_(context), block_(nullptr) {
  [[maybe_unused]] static const bool kept = keep_pool();
  if (bytes == 0) return;
  const cudaError_t error =
      cudaMallocAsync(&block_, bytes, static_cast<cudaStream_t>(context.stream));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // told here; the next launch must not find it
    throw OutOfMemoryError(
        fmt::format("[cuda] out of memory: a kernel asked for {} bytes of scratch.", bytes));
  }
  check_cuda(error, "cudaMallocAsync");
}

DeviceScratch::~DeviceScratch() {
  // An error here belongs to a kernel before it; the next call tells it.
  if (block_ != nullptr) cudaFreeAsync(block_, static_cast<cudaStream_t>(context_.stream));
}

}  // namespace seqpe::kernels::cuda
