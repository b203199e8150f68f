// What a block may have, on every GPU that is served: sm_80 has the least.
#pragma once

#include <cstddef>

namespace seqpe::simt {

constexpr unsigned kMostThreads = 1024;
constexpr std::size_t kMostShared = std::size_t{163} << 10;  // dynamic and static together

/// Whether a launch with that much dynamic shared memory asks CUDA for more than a kernel may have
/// unasked, 48 KiB of dynamic and static together. It does not know the static part: 16 KiB are
/// left for it.
constexpr bool asks_for_more_shared(std::size_t dynamic_bytes) {
  return dynamic_bytes > std::size_t{32} << 10;
}
constexpr std::size_t most_shared(std::size_t dynamic_bytes) {
  return asks_for_more_shared(dynamic_bytes) ? kMostShared : std::size_t{48} << 10;
}

}  // namespace seqpe::simt
