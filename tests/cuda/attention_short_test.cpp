// Attention over at most 16 tokens, which kernels of its own do where rows are whole packs of 16
// bytes: in bf16 heads of 4 are left to others.
#include "tests/cuda/attention_support.h"

namespace seqpe::kernels {
namespace {

using test::AttentionCase;
using test::AttentionLayout;
using test::AttentionMask;
using test::AttentionProblem;

// Lanes are shared out by heads of up to 32, 64 and 128 and by up to 8 and 16 tokens; the blocks of
// 128 threads hold 4 to 16 heads.
const AttentionCase kCases[] = {
    {"one_token", 3, 2, 1, 1, 8, 8},
    {"no_queries", 2, 2, 0, 3, 8, 8},
    {"no_keys", 2, 2, 3, 0, 8, 8},
    {"narrow_heads", 17, 2, 7, 7, 4, 4, true},
    {"digits", 9, 3, 5, 5, 32, 32, true},
    {"all_visible", 5, 4, 6, 6, 64, 64},
    {"padding", 3, 4, 6, 6, 64, 64, false, AttentionMask::ragged},
    {"empty_sequence", 3, 2, 8, 8, 32, 32, true, AttentionMask::first_sequence_empty},
    {"last_query", 7, 3, 1, 6, 64, 64, true, AttentionMask::holes, 0.2, 0, 1, 2, 1, false,
     AttentionLayout::token_major, 5, 6},
    {"packed", 3, 3, 6, 6, 8, 8, true, AttentionMask::none, 0.3, 0, 1, 0, 1, false,
     AttentionLayout::packed},
    {"head_major", 2, 3, 6, 4, 128, 128, false, AttentionMask::none, 0, 0, 1, 0, 1, false,
     AttentionLayout::head_major},
    {"most_tokens", 3, 3, 16, 16, 64, 64, true, AttentionMask::none, 0.3},
    {"most_tokens_narrow", 3, 5, 16, 16, 32, 32, false, AttentionMask::holes, 0.5, 0, 1, 3},
    {"most_tokens_wide", 2, 3, 16, 16, 128, 128, true, AttentionMask::holes, 0.1},
    {"first_queries_blind", 2, 2, 16, 5, 32, 32, true},
    {"more_keys", 2, 2, 3, 9, 128, 128, true, AttentionMask::holes},
    {"between_head_sizes", 2, 2, 9, 7, 40, 40, false, AttentionMask::ragged},
    {"between_wide_head_sizes", 2, 2, 5, 6, 72, 72, true, AttentionMask::none, 0.4},
};

template <typename T>
class AttentionCudaShort : public testing::Test {};
TYPED_TEST_SUITE(AttentionCudaShort, test::DeviceTypes);

TYPED_TEST(AttentionCudaShort, AsGoodAsTheCpu) {
  for (const AttentionCase& c : kCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message()
                   << c.name << (write == Write::overwrite ? ", overwrite" : ", accumulate"));
      const AttentionProblem<TypeParam> problem(c, write);
      test::expect_as_good_as(test::run_attention<TypeParam, test::HostArray>(test::kCpu, problem),
                              problem);
    }
  }
}

TYPED_TEST(AttentionCudaShort, GradientsThatNobodyWantsChangeNoOther) {
  const AttentionCase c{"", 3, 2, 6, 6, 8, 8, true, AttentionMask::holes, 0.2};
  test::expect_gradients_by_themselves(AttentionProblem<TypeParam>(c, Write::accumulate));
}

// Products with what padding holds may overflow; nothing of that may show.
TYPED_TEST(AttentionCudaShort, PaddingMayHoldAnyNumber) {
  const AttentionCase c{"", 1, 1, 2, 3, 8, 8};
  AttentionProblem<TypeParam> problem(c, Write::overwrite);
  problem.mask = {1, 1, 0};
  const auto before = test::run_attention<TypeParam, test::DeviceArray>(test::on_cuda(), problem);
  for (const std::size_t n : {1u, 2u}) {
    for (std::size_t e = 16; e < 24; ++e) problem.inputs[n][e] = test::from_double<TypeParam>(3e38);
  }
  const auto after = test::run_attention<TypeParam, test::DeviceArray>(test::on_cuda(), problem);
  EXPECT_TRUE(test::bits_of(before.out) == test::bits_of(after.out));
  for (std::size_t n = 0; n < 3; ++n) {
    EXPECT_TRUE(test::bits_of(before.gradients[n]) == test::bits_of(after.gradients[n]))
        << test::kGradientNames[n];
  }
}

// Rows that are not whole packs, or do not all begin at multiples of 16 bytes, are left to others.
TYPED_TEST(AttentionCudaShort, RowsOffTheirAlignment) {
  struct Strides {
    const char* off;
    std::int64_t size, head, token, batch;
  };
  for (const Strides& strides :
       {Strides{"size", 6, 8, 16, 128}, Strides{"head", 8, 9, 24, 192},
        Strides{"token", 8, 8, 17, 136}, Strides{"batch", 8, 8, 16, 129}}) {
    SCOPED_TRACE(strides.off);
    AttentionProblem<TypeParam> problem({"", 2, 2, 8, 8, strides.size, strides.size, true},
                                        Write::overwrite);
    const auto move = [&](test::Placement& place) {
      place.head_stride = strides.head;
      place.token_stride = strides.token;
      place.batch_stride = strides.batch;
      place.count = place.batch * place.batch_stride;
    };
    move(problem.out_place);
    problem.grad_out = test::random_operand<TypeParam>(problem.out_place, 30);
    problem.initial_out = problem.before(problem.out_place, 31);
    for (std::size_t n = 0; n < 3; ++n) {
      test::Placement& place = problem.places[n];
      move(place);
      problem.inputs[n] = test::random_operand<TypeParam>(place, 20 + n);
      problem.initial[n] = problem.before(place, 40 + n);
    }
    test::expect_as_good_as(test::run_attention<TypeParam, test::HostArray>(test::kCpu, problem),
                            problem);
  }
}

}  // namespace
}  // namespace seqpe::kernels
