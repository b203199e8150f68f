#include "engine/core/warning.h"

#include <fmt/format.h>

#include <cstdio>

namespace seqpe {

void warn(const std::string& message) {
  fmt::print(stderr, "seqpe_engine: warning: {}\n", message);
}

}  // namespace seqpe
