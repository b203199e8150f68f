// Elements that move as one access.
#pragma once

#include <cstddef>

namespace seqpe::simt {

template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T values[N];
};

/// Elements of T in 16 bytes, the most that a thread can ask for at once.
template <typename T>
inline constexpr int kPackSize = 16 / static_cast<int>(sizeof(T));

}  // namespace seqpe::simt
