#include "engine/core/warning.h"

#include <fmt/format.h>

#include "engine/core/message.h"

namespace seqpe {

void warn(const std::string& message) {
  tell(fmt::format("seqpe_engine: warning: {}\n", message));
}

}  // namespace seqpe
