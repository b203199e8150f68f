// What is told of a library: the version that runs beside that of the headers in this build.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace seqpe::tools {

/// Versions are MAJOR * 10000 + MINOR * 100 + PATCH.
struct LibraryVersions {
  std::optional<std::int64_t> run_time;  // none: it is missing; 0: it tells no version
  std::int64_t header = 0;               // 0: not in this build
  std::int64_t least = 0;                // run time that the engine uses; 0: any
};

/// "headers 2.6.3", "headers not in this build".
std::string header_text(std::int64_t version);

/// "2.6.3, headers 2.6.3"; how to get what is missing from `package`; a warning where the major
/// versions differ, since such libraries do not fit together, or where it is too old to be used.
std::string library_text(const LibraryVersions& versions, const std::string& package);

}  // namespace seqpe::tools
