// Why a text is not the JSON that it must be.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace seqpe::io {

/// The reason without the library's name and number, "[json.exception.parse_error.101] ".
inline std::string reason_of(const nlohmann::json::exception& error) {
  const std::string text = error.what();
  const std::size_t end = text.find("] ");
  return end == std::string::npos ? text : text.substr(end + 2);
}

}  // namespace seqpe::io
