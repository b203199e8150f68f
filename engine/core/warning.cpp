#include "engine/core/warning.h"

#include <fmt/format.h>

#include <atomic>

#include "engine/core/message.h"

namespace seqpe {

namespace {

std::atomic<bool> silent = false;

}  // namespace

void silence_warnings() {
  silent = true;
}

void warn(const std::string& message) {
  if (silent) return;
  tell(fmt::format("seqpe_engine: warning: {}\n", message));
}

}  // namespace seqpe
