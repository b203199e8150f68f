// Names of random streams.
#pragma once

#include <cstdint>
#include <string_view>

namespace seqpe {

/// FNV-1a of the name, folded to 32 bits: the `stream` of a PhiloxKey. Equal on every machine.
constexpr std::uint32_t stream_id(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ull;
  }
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

}  // namespace seqpe
