// Versions of the libraries whose headers this build was compiled with. Twin files in
// header_versions: NAME.cpp where the build has the library's header, NAME_none.cpp where not.
#pragma once

#include <cstdint>

namespace seqpe::kernels {

/// As the libraries of CUDA tell their own version at run time.
constexpr std::int64_t version_number(std::int64_t major, std::int64_t minor, std::int64_t patch) {
  return major * 10000 + minor * 100 + patch;
}

/// version_number(...); 0: not in this build. The CUDA Toolkit's has no PATCH.
std::int64_t cuda_header_version();
std::int64_t cublas_header_version();
std::int64_t cudnn_header_version();
std::int64_t nccl_header_version();
std::int64_t onednn_header_version();

}  // namespace seqpe::kernels
