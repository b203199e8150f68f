// Philox 4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3" (SC 2011). Counter-based: a number is a function of (seed, stream, step, element)
// alone, hence the same for any number of threads, micro-batches or ranks, on any device, and after
// a resume.
#pragma once

#include <cstdint>

#include "kernels/common/host_device.h"

namespace seqpe {

/// The key of a random stream: `seed` of the run, `stream` = hash of the module's name (stream_id),
/// `step` of training.
struct PhiloxKey {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  std::uint32_t step = 0;
};

/// The key whose step lies in memory, where one recording of a step serves them all
/// (kernels/recording.h); null: the key as it is.
SEQPE_HOST_DEVICE static inline PhiloxKey at_step(PhiloxKey key, const std::int32_t* step) {
  if (step != nullptr) key.step = static_cast<std::uint32_t>(*step);
  return key;
}

struct PhiloxBlock {
  std::uint32_t words[4];
};

/// Block number `block` of the key's stream: words 4 * block ... 4 * block + 3. Ten rounds are what
/// the paper recommends, seven the least that pass its tests (BigCrush, table 2).
template <int kRounds = 10>
SEQPE_HOST_DEVICE static inline PhiloxBlock philox(const PhiloxKey& key, std::uint64_t block) {
  std::uint32_t c0 = static_cast<std::uint32_t>(block),
                c1 = static_cast<std::uint32_t>(block >> 32);
  std::uint32_t c2 = key.stream, c3 = key.step;
  std::uint32_t k0 = static_cast<std::uint32_t>(key.seed),
                k1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
    const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(p1);
    c3 = static_cast<std::uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// Word number `element` of the key's stream.
SEQPE_HOST_DEVICE static inline std::uint32_t philox_word(const PhiloxKey& key,
                                                          std::uint64_t element) {
  return philox(key, element >> 2).words[element & 3];
}

}  // namespace seqpe
