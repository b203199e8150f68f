// Device::cuda as a GPU: the first one that CUDA_VISIBLE_DEVICES shows. The context's stream, null,
// is CUDA's default stream: copies and kernels run in the order in which they were asked for.
#include <cuda_runtime.h>
#include <nvtx3/nvToolsExt.h>

#include "kernels/common/error.h"
#include "kernels/cuda/check_cuda.h"
#include "kernels/device.h"

namespace seqpe::simt {

void check_cuda(int status, const char* what) {
  const auto error = static_cast<cudaError_t>(status);
  require<DeviceError>(error == cudaSuccess, "[cuda] {}: {} ({}).", what, cudaGetErrorString(error),
                       cudaGetErrorName(error));
}

}  // namespace seqpe::simt

namespace seqpe::kernels {

using simt::check_cuda;

CudaDevice cuda_device() {
  static const CudaDevice device = [] {
    int count = 0;
    const bool seen = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
    cudaGetLastError();  // no GPU is an answer, not an error that the next launch should find
    return seen ? CudaDevice::gpu : CudaDevice::none;
  }();
  return device;
}

std::string why_no_cuda() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  cudaGetLastError();
  return error == cudaSuccess ? "no GPU is visible"
                              : std::string("no GPU is usable: ") + cudaGetErrorString(error);
}

std::vector<std::pair<std::string, std::string>> cuda_facts() {
  std::vector<std::pair<std::string, std::string>> facts;
  int version = 0;
  if (cudaRuntimeGetVersion(&version) == cudaSuccess)
    facts.emplace_back("CUDA run time", fmt::format("{}.{}", version / 1000, version % 1000 / 10));
  int count = 0;
  if (cuda_device() == CudaDevice::gpu)
    check_cuda(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    facts.emplace_back(
        fmt::format("GPU {}", device),
        fmt::format("{}, {:.1f} GB, sm_{}{}, {} multiprocessors", properties.name,
                    static_cast<double>(properties.totalGlobalMem) / 1e9, properties.major,
                    properties.minor, properties.multiProcessorCount));
  }
  return facts;
}

void* allocate_on_device(std::size_t bytes) {
  void* block = nullptr;
  const cudaError_t error = cudaMalloc(&block, bytes > 0 ? bytes : 1);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check_cuda(error, "cudaMalloc");
  return block;
}

void free_on_device(void* block) {
  check_cuda(cudaFree(block), "cudaFree");
}

void copy_bytes(const Context& context, void* to, const void* from, std::size_t bytes) {
  auto* const stream = static_cast<cudaStream_t>(context.stream);
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "cudaMemcpyAsync");
  check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

void clear_bytes(const Context& context, void* to, std::size_t bytes) {
  check_cuda(cudaMemsetAsync(to, 0, bytes, static_cast<cudaStream_t>(context.stream)),
             "cudaMemsetAsync");
}

void begin_trace_range(const char* name) {
  nvtxRangePushA(name);
}
void end_trace_range() {
  nvtxRangePop();
}

}  // namespace seqpe::kernels
