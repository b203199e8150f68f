// A build that uses none of CUDA or oneDNN asks for none of their headers, whether they are there
// or not. Those of cuDNN and NCCL may be missing.
#include "kernels/header_versions.h"

#ifdef SEQPE_WITH_CUDA_TOOLKIT
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#if __has_include(<cudnn_version.h>)
#include <cudnn_version.h>
#endif
#if __has_include(<nccl.h>)
#include <nccl.h>
#endif
#endif
#ifdef SEQPE_WITH_ONEDNN
#include <oneapi/dnnl/dnnl_version.h>
#endif

namespace seqpe::kernels {
namespace {

constexpr std::int64_t version_of(std::int64_t major, std::int64_t minor, std::int64_t patch) {
  return major * 10000 + minor * 100 + patch;
}

}  // namespace

HeaderVersions header_versions() {
  HeaderVersions found;
#ifdef SEQPE_WITH_CUDA_TOOLKIT
  found.cuda = version_of(CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10, 0);
  found.cublas = version_of(CUBLAS_VER_MAJOR, CUBLAS_VER_MINOR, CUBLAS_VER_PATCH);
#endif
#ifdef CUDNN_MAJOR
  found.cudnn = version_of(CUDNN_MAJOR, CUDNN_MINOR, CUDNN_PATCHLEVEL);
#endif
#ifdef NCCL_MAJOR
  found.nccl = version_of(NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH);
#endif
#ifdef SEQPE_WITH_ONEDNN
  found.onednn = version_of(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH);
#endif
  return found;
}

}  // namespace seqpe::kernels
