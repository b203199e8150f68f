#include "kernels/common/philox.h"

#include <gtest/gtest.h>

namespace seqpe {
namespace {

struct KnownAnswer {
  PhiloxKey key;
  std::uint64_t block;
  std::uint32_t words[4];
};

// From Random123's kat_vectors (philox4x32, of 10 and of 7 rounds). Its counter is (block, stream,
// step), low word first, its key the seed.
const KnownAnswer kKnownAnswers[] = {
    {{.seed = 0, .stream = 0, .step = 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{.seed = ~0ull, .stream = ~0u, .step = ~0u},
     ~0ull,
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{.seed = 0x299f31d0a4093822, .stream = 0x13198a2e, .step = 0x03707344},
     0x85a308d3243f6a88,
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};
const KnownAnswer kOfSevenRounds[] = {
    {{.seed = 0, .stream = 0, .step = 0}, 0, {0x5f6fb709, 0x0d893f64, 0x4f121f81, 0x4f730a48}},
    {{.seed = ~0ull, .stream = ~0u, .step = ~0u},
     ~0ull,
     {0x5207ddc2, 0x45165e59, 0x4d8ee751, 0x8c52f662}},
    {{.seed = 0x299f31d0a4093822, .stream = 0x13198a2e, .step = 0x03707344},
     0x85a308d3243f6a88,
     {0x4dfccaba, 0x190a87f0, 0xc47362ba, 0xb6b5242a}},
};

TEST(Philox, KnownAnswers) {
  for (const KnownAnswer& known : kKnownAnswers) {
    const PhiloxBlock drawn = philox(known.key, known.block);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(drawn.words[i], known.words[i]) << "word " << i;
  }
  for (const KnownAnswer& known : kOfSevenRounds) {
    const PhiloxBlock drawn = philox<7>(known.key, known.block);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(drawn.words[i], known.words[i]) << "word " << i;
  }
}

TEST(Philox, AWordIsOneOfItsBlock) {
  const PhiloxKey key = {.seed = 1, .stream = 2, .step = 3};
  for (const std::uint64_t block : {0ull, 1ull, 0xffffffffull, 0x100000000ull, ~0ull >> 2}) {
    for (std::uint64_t i = 0; i < 4; ++i)
      EXPECT_EQ(philox_word(key, 4 * block + i), philox(key, block).words[i]);
  }
}

}  // namespace
}  // namespace seqpe
