// Versions of the libraries whose headers this build was compiled with.
#pragma once

#include <cstdint>

namespace seqpe::kernels {

/// MAJOR * 10000 + MINOR * 100 + PATCH, as the libraries of CUDA tell their own at run time; 0: not
/// in this build. The Toolkit's has no PATCH.
struct HeaderVersions {
  std::int64_t cuda = 0, cublas = 0, cudnn = 0, nccl = 0, onednn = 0;
};

HeaderVersions header_versions();

}  // namespace seqpe::kernels
