// gzip files by zlib.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace seqpe::io {

/// True if the first bytes are gzip's.
bool is_gzip(std::span<const std::byte> bytes);

/// What a whole gzip file holds, at most `limit` bytes. Throws DataError with `name` and the reason
/// if it is damaged, ends early, goes on behind its end or holds more.
std::vector<std::byte> decompress_gzip(std::span<const std::byte> bytes, const std::string& name,
                                       std::size_t limit);

}  // namespace seqpe::io
