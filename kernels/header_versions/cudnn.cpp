#include <cudnn_version.h>

#include "kernels/header_versions.h"

namespace seqpe::kernels {

std::int64_t cudnn_header_version() {
  return version_number(CUDNN_MAJOR, CUDNN_MINOR, CUDNN_PATCHLEVEL);
}

}  // namespace seqpe::kernels
