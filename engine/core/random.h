// A sequence of random numbers from a Philox stream. The standard library's distributions differ
// between implementations; these do not.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "kernels/common/philox.h"

namespace seqpe {

class PhiloxGenerator {
 public:
  explicit PhiloxGenerator(const PhiloxKey& key) : key_(key) {}

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [0, count), unbiased. count must be > 0.
  std::int64_t uniform_int(std::int64_t count);
  /// Standard normal (Box and Muller, 1958).
  double normal();

  /// A uniformly random order (Fisher and Yates).
  template <typename T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1],
                items[static_cast<std::size_t>(uniform_int(static_cast<std::int64_t>(i)))]);
    }
  }

 private:
  PhiloxKey key_;
  std::uint64_t next_ = 0;
  PhiloxBlock block_{};
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace seqpe
