// bf16 attention on tensor cores: the rule is twice the error of a plain computation in bf16.
#include "tests/cuda/attention_support.h"

namespace seqpe::kernels {
namespace {

using test::AttentionCase;
using test::AttentionMask;

// Tiles are of 32, 64 or 128 queries or keys; kv_len decides whether neighbouring weights share
// a block of random numbers.
const AttentionCase kCases[] = {
    {"one_tile", 1, 1, 64, 64, 64, 64},
    {"several_tiles_causal", 2, 2, 150, 150, 64, 64, true},
    {"no_queries", 1, 1, 0, 17, 32, 32},
    {"no_keys", 1, 1, 17, 0, 32, 32},
    {"odd_lengths", 2, 2, 33, 131, 32, 32, true, AttentionMask::holes, 0.3},
    {"empty_sequence", 2, 1, 40, 40, 32, 32, false, AttentionMask::first_sequence_empty},
    {"dropout", 1, 2, 70, 134, 64, 64, true, AttentionMask::none, 0.3},
    {"dropout_by_blocks", 1, 2, 70, 136, 64, 64, true, AttentionMask::none, 0.3},
    {"dropout_by_blocks_pe", 1, 2, 70, 136, 32, 32, true, AttentionMask::none, 0.3, 32},
    {"pe_blocks", 3, 2, 70, 70, 64, 64, true, AttentionMask::none, 0, 64, 2, 1, 0.5},
    {"pe_shared_all", 2, 2, 132, 132, 64, 64, true, AttentionMask::holes, 0.2, 64, 1, 5, 0.5, true},
    {"last_queries", 1, 2, 5, 68, 32, 32, true, AttentionMask::none, 0.5, 32, 1, 0, 1, false,
     test::AttentionLayout::token_major, 63, 68},
    {"one_query", 2, 2, 1, 197, 64, 64, false, AttentionMask::none, 0.3, 0, 1, 0, 1, false,
     test::AttentionLayout::packed, 5, 197},
    {"one_query_pe", 2, 2, 1, 197, 64, 64, false, AttentionMask::none, 0, 64, 1, 0, 1, false,
     test::AttentionLayout::token_major, 5, 197},
    {"packed", 2, 2, 50, 50, 64, 64, true, AttentionMask::none, 0, 0, 1, 0, 1, false,
     test::AttentionLayout::packed},
    {"large_heads", 1, 1, 65, 40, 128, 128, true, AttentionMask::none, 0.1},
    {"large_heads_pe", 2, 1, 50, 70, 128, 128, false, AttentionMask::none, 0.1, 128},
};

TEST(AttentionCudaTensorCores, AsGoodAsAPlainComputation) {
  for (const AttentionCase& c : kCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message()
                   << c.name << (write == Write::overwrite ? ", overwrite" : ", accumulate"));
      const test::AttentionProblem<bf16> problem(c, write);
      test::expect_as_good_as(test::run_plainly(problem), problem);
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
