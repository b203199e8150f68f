// Memory as a user reads it. MB and GB are 2^20 and 2^30 bytes, as the tools beside which one reads
// them count (free -h, nvidia-smi); rates of memory alone are told in 10^9 bytes a second, as its
// makers do.
#pragma once

#include <fmt/format.h>

#include <string>

#include "engine/core/allocator.h"

namespace seqpe::tools {

inline double megabytes(double bytes) {
  return bytes / (1 << 20);
}

/// "0.215 MB", "787 MB", "48.8 GB".
inline std::string size_text(double bytes) {
  return megabytes(bytes) < 1000 ? fmt::format("{:.3g} MB", megabytes(bytes))
                                 : fmt::format("{:.1f} GB", megabytes(bytes) / 1024);
}

/// What tensors took at most since the start, or since the allocator's peak was reset.
inline double peak_tensor_megabytes(Device device) {
  return megabytes(static_cast<double>(allocator(device).stats().peak));
}

}  // namespace seqpe::tools
