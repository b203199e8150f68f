#include "kernels/header_versions.h"

namespace seqpe::kernels {

std::int64_t cudnn_header_version() {
  return 0;
}

}  // namespace seqpe::kernels
