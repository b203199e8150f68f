#include <algorithm>

#include "tests/cuda/attention_support.h"

namespace seqpe::kernels {
namespace {

using test::AttentionCase;
using test::AttentionProblem;
using test::AttentionResults;
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
    test::expect_gradients_by_themselves(AttentionProblem<TypeParam>(c, Write::accumulate));
  }
  EXPECT_EQ(cases, 2) << "cases are found by name";
}

// Heads of 1 go to the FMA units' kernels, heads of 4 to those for few tokens.
const std::int64_t kHeadSizes[] = {1, 4};

/// Queries in float32 against three keys and values, forward and backward on a device. Queries and
/// keys are zeros behind their first column, values are the same in all.
AttentionResults<float> three_keys(const Context& context, std::int64_t head_size,
                                   const std::vector<float>& queries, float key) {
  const auto size = static_cast<std::size_t>(head_size);
  AttentionProblem<float> problem({.name = "",
                                   .q_len = static_cast<std::int64_t>(queries.size()),
                                   .kv_len = 3,
                                   .head_size = head_size,
                                   .value_size = head_size},
                                  Write::overwrite);
  problem.shape.scale = 1.0;
  for (std::size_t n = 0; n < 2; ++n)
    std::fill(problem.inputs[n].begin(), problem.inputs[n].end(), 0.0f);
  for (std::size_t i = 0; i < queries.size(); ++i) problem.inputs[0][i * size] = queries[i];
  for (std::size_t j = 0; j < 3; ++j) {
    problem.inputs[1][j * size] = key;
    std::fill_n(problem.inputs[2].begin() + static_cast<std::ptrdiff_t>(j * size), size,
                static_cast<float>(j + 1));
  }
  return context.device == Device::cpu ? run_attention<float, test::HostArray>(context, problem)
                                       : run_attention<float, test::DeviceArray>(context, problem);
}

// A diverged model must not look like a masked row, whose output is 0.
TEST(AttentionCudaRows, NanQueriesGiveNan) {
  const float nan = std::nanf("");
  for (const std::int64_t head_size : kHeadSizes) {
    const auto size = static_cast<std::size_t>(head_size);
    test::under_every_schedule([&] {
      const AttentionResults<float> results =
          three_keys(test::on_cuda(), head_size, {nan, 1, nan}, 1);
      for (const std::size_t row : {0u, 2u}) {
        EXPECT_TRUE(std::isnan(results.out[row * size]) && std::isnan(results.lse[row])) << row;
        EXPECT_TRUE(std::isnan(results.gradients[0][row * size])) << row;
      }
      EXPECT_NEAR(results.out[size], 2.0f, 1e-6f);
      EXPECT_NEAR(results.lse[1], 1 + std::log(3.0), 1e-6);
    });
  }
}

// Logits beyond float32 leave a row nothing, as if no key were allowed: its output is 0, and its
// gradients are.
TEST(AttentionCudaRows, LogitsOfMinusInfinityGiveNothing) {
  const auto check = [](const Context& context, std::int64_t head_size) {
    const auto size = static_cast<std::size_t>(head_size);
    // The second query's logits are -1e60.
    const auto results = three_keys(context, head_size, {1e-30f, -1e30f}, 1e30f),
               first = three_keys(context, head_size, {1e-30f}, 1e30f);
    EXPECT_EQ(results.lse[1], -INFINITY);
    for (std::size_t c = 0; c < size; ++c) {
      EXPECT_EQ(results.out[size + c], 0.0f);
      EXPECT_EQ(results.gradients[0][size + c], 0.0f);
      EXPECT_EQ(results.out[c], first.out[c]);
      EXPECT_EQ(results.gradients[0][c], first.gradients[0][c]);
    }
    for (const std::size_t n : {1u, 2u}) {
      for (std::size_t e = 0; e < 3 * size; ++e) {
        EXPECT_EQ(results.gradients[n][e], first.gradients[n][e])
            << kGradientNames[n] << "[" << e << "]";
      }
    }
  };
  for (const std::int64_t head_size : kHeadSizes) {
    check(test::kCpu, head_size);
    test::under_every_schedule([&] { check(test::on_cuda(), head_size); });
  }
}

TEST(AttentionCudaErrors, HeadsThatRegistersDoNotHold) {
  AttentionForwardArgs args;
  args.shape.head_size = 129;
  try {
    attention_forward(test::on_cuda(), args);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "[attention] heads on a cuda device may have at most 128 columns, got 129 of q "
                 "and k, 0 of pe, 0 of v.");
  }
}

}  // namespace
}  // namespace seqpe::kernels
