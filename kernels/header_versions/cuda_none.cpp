#include "kernels/header_versions.h"

namespace seqpe::kernels {

std::int64_t cuda_header_version() {
  return 0;
}

std::int64_t cublas_header_version() {
  return 0;
}

}  // namespace seqpe::kernels
