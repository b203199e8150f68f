// Numbers that the environment gives the emulator.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "kernels/common/error.h"

namespace seqpe::simt {

/// The variable's value, or `otherwise` where it is not set. Throws Error unless it is an integer
/// from `least` to `most`.
inline std::int64_t integer_of_environment(const char* name, std::int64_t otherwise,
                                           std::int64_t least, std::int64_t most) {
  const char* value = std::getenv(name);
  if (value == nullptr) return otherwise;
  const std::string_view text = value;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  require(
      error == std::errc() && end == text.data() + text.size() && number >= least && number <= most,
      "[simt] {} must be an integer from {} to {}, got '{}'.", name, least, most, text);
  return number;
}

}  // namespace seqpe::simt
