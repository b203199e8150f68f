#include <oneapi/dnnl/dnnl_version.h>

#include "kernels/header_versions.h"

namespace seqpe::kernels {

std::int64_t onednn_header_version() {
  return version_number(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH);
}

}  // namespace seqpe::kernels
