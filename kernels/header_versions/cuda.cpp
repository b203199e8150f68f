#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "kernels/header_versions.h"

namespace seqpe::kernels {

std::int64_t cuda_header_version() {
  return version_number(CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10, 0);
}

std::int64_t cublas_header_version() {
  return version_number(CUBLAS_VER_MAJOR, CUBLAS_VER_MINOR, CUBLAS_VER_PATCH);
}

}  // namespace seqpe::kernels
