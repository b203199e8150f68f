#include <nccl.h>

#include "kernels/header_versions.h"

namespace seqpe::kernels {

std::int64_t nccl_header_version() {
  return version_number(NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH);
}

}  // namespace seqpe::kernels
