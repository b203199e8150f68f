#include "engine/core/stream_id.h"

#include <gtest/gtest.h>

namespace seqpe {
namespace {

TEST(StreamId, IsFoldedFnv1a) {
  // The published FNV-1a-64 of "", "a" and "foobar", upper half exclusive-or lower half.
  EXPECT_EQ(stream_id(""), 0xcbf29ce4u ^ 0x84222325u);
  EXPECT_EQ(stream_id("a"), 0xaf63dc4cu ^ 0x8601ec8cu);
  EXPECT_EQ(stream_id("foobar"), 0x85944171u ^ 0xf73967e8u);
}

TEST(StreamId, BytesAbove127AreUnsigned) {
  constexpr std::uint64_t kHash = (0xcbf29ce484222325ull ^ 0xff) * 0x100000001b3ull;
  EXPECT_EQ(stream_id("\xff"), static_cast<std::uint32_t>(kHash ^ (kHash >> 32)));
}

TEST(StreamId, NamesOfAModelDiffer) {
  EXPECT_NE(stream_id("transformer.h.0.attn"), stream_id("transformer.h.1.attn"));
  EXPECT_NE(stream_id("transformer.h.1.attn"), stream_id("transformer.h.1.mlp"));
}

}  // namespace
}  // namespace seqpe
