// What std::filesystem throws, in the form of our errors.
#pragma once

#include <filesystem>

#include "kernels/common/error.h"

namespace seqpe::io {

/// Runs `work`; a filesystem_error in it (a folder that may not be read, a circle of links) becomes
/// an E of the room with its path and reason.
template <typename E, typename F>
auto with_filesystem_errors_as(const char* room, const F& work) {
  try {
    return work();
  } catch (const std::filesystem::filesystem_error& error) {
    throw E(fmt::format("[{}] cannot use {}: {}.", room, error.path1().string(),
                        error.code().message()));
  }
}

}  // namespace seqpe::io
