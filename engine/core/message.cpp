#include "engine/core/message.h"

#include <cstdio>

namespace seqpe {

void tell(std::string_view text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace seqpe
