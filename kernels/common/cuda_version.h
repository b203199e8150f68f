// CUDA's way to write a version as one number: 13010 is 13.1.
#pragma once

#include <fmt/format.h>

#include <string>

namespace seqpe::kernels {

/// "13.1" of 13010: its thousands and tens.
inline std::string cuda_version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace seqpe::kernels
