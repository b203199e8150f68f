#include "tests/cuda/attention_support.h"

namespace seqpe::kernels {
namespace {

using test::AttentionCase;
using test::AttentionProblem;
using test::AttentionResults;
using test::kAllGradients;
using test::kAttentionInputs;
using test::kGradientNames;
using test::run_attention;

template <typename T>
class AttentionCuda : public testing::Test {};
TYPED_TEST_SUITE(AttentionCuda, test::DeviceTypes);

TYPED_TEST(AttentionCuda, AsGoodAsTheCpu) {
  for (const AttentionCase& c : test::kAttentionCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message()
                   << c.name << (write == Write::overwrite ? ", overwrite" : ", accumulate"));
      const AttentionProblem<TypeParam> problem(c, write);
      test::expect_as_good_as(run_attention<TypeParam, test::HostArray>(test::kCpu, problem),
                              problem);
    }
  }
}

TYPED_TEST(AttentionCuda, GradientsThatNobodyWantsChangeNoOther) {
  int cases = 0;
  for (const AttentionCase& c : test::kAttentionCases) {
    if (std::string_view(c.name) != "pe_shared_blocks_all" &&
        std::string_view(c.name) != "dropout_causal_masked")
      continue;
    SCOPED_TRACE(c.name);
    ++cases;
    const AttentionProblem<TypeParam> problem(c, Write::accumulate);
    const auto all = run_attention<TypeParam, test::DeviceArray>(test::kCuda, problem);
    // None, each alone, all but each.
    for (unsigned gradient = 0; gradient <= kAttentionInputs; ++gradient) {
      const unsigned alone = gradient == kAttentionInputs ? 0 : 1u << gradient;
      for (const unsigned wanted : {alone, kAllGradients - alone}) {
        const auto some = run_attention<TypeParam, test::DeviceArray>(test::kCuda, problem, wanted);
        for (std::size_t n = 0; n < kAttentionInputs; ++n) {
          const auto& expected = (wanted >> n & 1) != 0 ? all.gradients[n] : problem.initial[n];
          EXPECT_TRUE(test::bits_of(some.gradients[n]) == test::bits_of(expected))
              << kGradientNames[n] << ", wanted " << wanted;
        }
      }
    }
  }
  EXPECT_EQ(cases, 2) << "cases are found by name";
}

/// Queries in float32 against three keys and values of width one, forward and backward on a device.
AttentionResults<float> three_keys(const Context& context, const std::vector<float>& queries,
                                   float key) {
  const auto count = static_cast<std::int64_t>(queries.size());
  AttentionProblem<float> problem({.name = "", .q_len = count, .kv_len = 3}, Write::overwrite);
  problem.inputs[0] = queries;
  problem.inputs[1] = {key, key, key};
  problem.inputs[2] = {1, 2, 3};
  return context.device == Device::cpu ? run_attention<float, test::HostArray>(context, problem)
                                       : run_attention<float, test::DeviceArray>(context, problem);
}

// A diverged model must not look like a masked row, whose output is 0.
TEST(AttentionCudaRows, NanQueriesGiveNan) {
  const float nan = std::nanf("");
  test::under_every_schedule([&] {
    const AttentionResults<float> results = three_keys(test::kCuda, {nan, 1, nan}, 1);
    for (const std::size_t row : {0u, 2u}) {
      EXPECT_TRUE(std::isnan(results.out[row]) && std::isnan(results.lse[row])) << row;
      EXPECT_TRUE(std::isnan(results.gradients[0][row])) << row;
    }
    EXPECT_NEAR(results.out[1], 2.0f, 1e-6f);
    EXPECT_NEAR(results.lse[1], 1 + std::log(3.0), 1e-6);
  });
}

// Logits beyond float32 leave a row nothing, as if no key were allowed: its output is 0, and its
// gradients are.
TEST(AttentionCudaRows, LogitsOfMinusInfinityGiveNothing) {
  const auto check = [](const Context& context) {
    // The second query's logits are -1e60.
    const AttentionResults<float> results = three_keys(context, {1e-30f, -1e30f}, 1e30f),
                                  first = three_keys(context, {1e-30f}, 1e30f);
    EXPECT_EQ(results.out[1], 0.0f);
    EXPECT_EQ(results.lse[1], -INFINITY);
    EXPECT_EQ(results.gradients[0][1], 0.0f);
    EXPECT_EQ(results.out[0], first.out[0]);
    EXPECT_EQ(results.gradients[0][0], first.gradients[0][0]);
    for (const std::size_t n : {1u, 2u}) {
      for (std::size_t key = 0; key < 3; ++key) {
        EXPECT_EQ(results.gradients[n][key], first.gradients[n][key])
            << kGradientNames[n] << "[" << key << "]";
      }
    }
  };
  check(test::kCpu);
  test::under_every_schedule([&] { check(test::kCuda); });
}

TEST(AttentionCudaErrors, HeadsThatRegistersDoNotHold) {
  AttentionForwardArgs args;
  args.shape.head_size = 129;
  try {
    attention_forward(test::kCuda, args);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "[attention] heads on a cuda device may have at most 128 columns, got 129 of q "
                 "and k, 0 of pe, 0 of v.");
  }
}

}  // namespace
}  // namespace seqpe::kernels
