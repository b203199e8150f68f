// Attention by cuDNN: twice the error of a plain computation in bf16 at most, and masks of its own.
// On a GPU by the library; without one by the fake, on smaller shapes.
#include <tuple>

#include "kernels/cuda/cudnn_functions.h"
#include "tests/cuda/attention_cudnn_support.h"

namespace seqpe::kernels {
namespace {

using test::AttentionCase;
using test::AttentionLayout;
using test::AttentionMask;
using test::AttentionProblem;
using test::ChosenAttention;

class AttentionCudnn : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    ChosenAttention::lines().clear();
    if (cuda::cudnn_functions(why) == nullptr) GTEST_SKIP() << why;
  }
  void TearDown() override {
    EXPECT_TRUE(ChosenAttention::lines().empty()) << ChosenAttention::lines().front();
  }
};

const AttentionCase kSmallCases[] = {
    {"causal", 2, 2, 21, 21, 32, 32, true},
    {"all_visible", 1, 2, 19, 33, 32, 32},
    {"packed", 2, 1, 18, 18, 64, 64, true, AttentionMask::none, 0, 0, 1, 0, 1, false,
     AttentionLayout::packed},
    {"pe_blocks", 3, 2, 17, 17, 32, 32, true, AttentionMask::none, 0, 32, 2, 1, 0.5},
    {"pe_shared", 2, 2, 18, 18, 32, 32, false, AttentionMask::none, 0, 32, 1, 0, 2, true,
     AttentionLayout::packed},
};
const AttentionCase kLargeCases[] = {
    {"causal", 2, 2, 200, 200, 64, 64, true},
    {"all_visible", 2, 2, 77, 200, 64, 64},
    {"narrow_packed", 2, 2, 150, 150, 32, 32, true, AttentionMask::none, 0, 0, 1, 0, 1, false,
     AttentionLayout::packed},
    {"pe_blocks", 3, 2, 200, 200, 64, 64, true, AttentionMask::none, 0, 64, 2, 1, 0.5},
    {"pe_shared", 4, 2, 77, 77, 32, 32, true, AttentionMask::none, 0, 32, 1, 0, 2, true,
     AttentionLayout::packed},
    {"large_heads_pe", 2, 1, 130, 130, 128, 128, true, AttentionMask::none, 0, 128},
};

std::vector<AttentionCase> cases() {
  if (cuda_device() == CudaDevice::gpu) return {std::begin(kLargeCases), std::end(kLargeCases)};
  return {std::begin(kSmallCases), std::end(kSmallCases)};
}

/// Whether `automatic` leaves backward to cuDNN.
bool adds_up_in_one_order() {
  return cuda::compute_capability() / 10 == 9;
}
constexpr const char* kNoOrder = "auto leaves backward to own kernels unless it is Hopper's";

TEST_F(AttentionCudnn, AsGoodAsAPlainComputation) {
  for (const AttentionBackend backend : {AttentionBackend::cudnn, AttentionBackend::automatic}) {
    const ChosenAttention chosen(backend);
    for (const AttentionCase& c : cases()) {
      SCOPED_TRACE(testing::Message() << c.name << ", backend " << static_cast<int>(backend));
      const AttentionProblem<bf16> problem(c, Write::overwrite);
      test::expect_cudnn([&] { test::expect_as_good_as(test::run_plainly(problem), problem); },
                         backend == AttentionBackend::cudnn || adds_up_in_one_order());
    }
  }
}

TEST_F(AttentionCudnn, AddsToWhatIsThere) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  for (const std::size_t n : {0u, 3u}) {
    const AttentionCase c = cases()[n];
    SCOPED_TRACE(c.name);
    const AttentionProblem<bf16> problem(c, Write::accumulate);
    test::expect_cudnn([&] { test::expect_as_good_as(test::run_plainly(problem), problem); });
  }
}

TEST_F(AttentionCudnn, WritesOnlyTheGradientsThatAreWanted) {
  if (!adds_up_in_one_order()) GTEST_SKIP() << kNoOrder;
  const ChosenAttention chosen(AttentionBackend::automatic);
  for (const std::size_t n : {0u, 3u}) {
    const AttentionProblem<bf16> problem(cases()[n], Write::overwrite);
    test::expect_cudnn([&] { test::expect_gradients_by_themselves(problem); });
  }
}

/// As many keys as columns, so that v can tell which weights were kept.
AttentionCase with_dropout(std::int64_t pe_size,
                           AttentionLayout layout = AttentionLayout::token_major) {
  return {"dropout",           2,   3,       64, 64, 64, 64,    true,
          AttentionMask::none, 0.3, pe_size, 1,  0,  1,  false, layout};
}

/// What each weight was multiplied with, by element: weights are equal where queries are 0, and
/// value j is 1 in column j alone.
std::vector<double> factors_of(AttentionProblem<bf16> problem) {
  std::fill(problem.inputs[0].begin(), problem.inputs[0].end(), bf16(0.0f));
  std::fill(problem.inputs[3].begin(), problem.inputs[3].end(), bf16(0.0f));
  const AttentionShape& shape = problem.shape;
  const auto index = [](const test::Placement& place, std::int64_t b, std::int64_t t,
                        std::int64_t h) {
    return static_cast<std::size_t>(b * place.batch_stride + t * place.token_stride +
                                    h * place.head_stride);
  };
  const auto for_each_row = [&](const auto& f) {
    for (std::int64_t b = 0; b < shape.batch; ++b) {
      for (std::int64_t h = 0; h < shape.heads; ++h) {
        for (std::int64_t t = 0; t < shape.kv_len; ++t) f(b, h, t);
      }
    }
  };
  for_each_row([&](std::int64_t b, std::int64_t h, std::int64_t j) {
    bf16* const row = &problem.inputs[2][index(problem.places[2], b, j, h)];
    std::fill(row, row + shape.value_size, bf16(0.0f));
    row[j] = bf16(1.0f);
  });
  const auto out = test::run_attention<bf16, test::DeviceArray>(test::on_cuda(), problem).out;
  std::vector<double> factors;
  for_each_row([&](std::int64_t b, std::int64_t h, std::int64_t i) {
    const bf16* const row = &out[index(problem.out_place, b, i, h)];
    for (std::int64_t j = 0; j < shape.kv_len; ++j)
      factors.push_back(test::to_double(row[j]) * static_cast<double>(i + 1));
  });
  return factors;
}

TEST_F(AttentionCudnn, DropsTheShareThatIsAskedAndScalesTheRest) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  AttentionProblem<bf16> problem(with_dropout(0), Write::overwrite);
  std::vector<double> factors;
  test::expect_cudnn([&] { factors = factors_of(problem); });
  const std::int64_t tokens = problem.shape.kv_len;
  std::int64_t seen = 0, kept = 0;
  for (std::size_t e = 0; e < factors.size(); ++e) {
    const auto i = static_cast<std::int64_t>(e) / tokens % tokens,
               j = static_cast<std::int64_t>(e) % tokens;
    if (j > i) {
      ASSERT_EQ(factors[e], 0.0) << e;
      continue;
    }
    ++seen;
    if (factors[e] == 0.0) continue;
    ++kept;
    ASSERT_NEAR(factors[e], 1 / 0.7, 0.02) << e;
  }
  const double share = static_cast<double>(kept) / static_cast<double>(seen);
  EXPECT_NEAR(share, 0.7, 5 * std::sqrt(0.7 * 0.3 / static_cast<double>(seen)));

  EXPECT_EQ(factors_of(problem), factors);
  problem.shape.dropout_key.step += 1;
  const auto later = factors_of(problem);
  std::int64_t equal = 0;
  for (std::size_t e = 0; e < factors.size(); ++e)
    equal += (later[e] == 0.0) == (factors[e] == 0.0);
  // Of those seen, 0.7^2 + 0.3^2 are equal by chance.
  const double chance =
      static_cast<double>(equal - static_cast<std::int64_t>(factors.size()) + seen) /
      static_cast<double>(seen);
  EXPECT_NEAR(chance, 0.58, 5 * std::sqrt(0.58 * 0.42 / static_cast<double>(seen)));
}

/// Also where gradients cannot be written in place, in whatever layout.
TEST_F(AttentionCudnn, DropsBackwardWhatItDroppedForward) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  for (const auto& [layout, write, pe_size] :
       {std::tuple{AttentionLayout::token_major, Write::overwrite, 64},
        {AttentionLayout::packed, Write::accumulate, 0},
        {AttentionLayout::head_major, Write::accumulate, 64}}) {
    SCOPED_TRACE(testing::Message() << "layout " << static_cast<int>(layout) << ", pe " << pe_size);
    const AttentionCase c = with_dropout(pe_size, layout);
    const AttentionProblem<bf16> problem(c, write);
    test::expect_cudnn([&] {
      const auto factors = factors_of(AttentionProblem<bf16>(c, Write::overwrite));
      const auto keep = [&](std::uint64_t element) {
        return factors[static_cast<std::size_t>(element)] == 0.0 ? 0.0 : 1 / 0.7;
      };
      const auto exact = test::define_attention<double>(
          problem, [](double value) { return value; }, keep);
      test::expect_as_good_as(test::run_plainly(problem, keep), exact, problem);
    });
  }
}

TEST_F(AttentionCudnn, GivesTheSameBitsAgainInOneOrder) {
  if (!adds_up_in_one_order()) GTEST_SKIP() << kNoOrder;
  const ChosenAttention chosen(AttentionBackend::automatic);
  for (const std::size_t n : {0u, 3u}) {
    const AttentionProblem<bf16> problem(cases()[n], Write::overwrite);
    const auto run = [&] {
      return test::run_attention<bf16, test::DeviceArray>(test::on_cuda(), problem);
    };
    test::expect_cudnn([&] {
      const auto first = run();
      for (int again = 0; again < 3; ++again) test::expect_same_results(run(), first);
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels
