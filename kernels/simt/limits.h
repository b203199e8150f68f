// What a block may have, on every GPU that is served: sm_80 has the least.
#pragma once

#include <cstddef>

namespace seqpe::simt {

constexpr unsigned kMostThreads = 1024;
constexpr std::size_t kMostShared = std::size_t{163} << 10;  // dynamic and static together

}  // namespace seqpe::simt
