#include "models/positions/rotary_mixed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "tests/support/expect_error.h"
#include "tests/support/gradient_check.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

using Layout = RotaryMixedPosition::Layout;

constexpr std::int64_t kLayers = 2, kHeads = 3, kSize = 4, kRows = 2, kColumns = 3;
constexpr std::int64_t kTokens = 1 + kRows * kColumns, kChannels = kHeads * kSize;

RotaryMixedPosition::Options options(Layout layout = Layout::by_head) {
  return {.trained = {kRows, kColumns},
          .layers = kLayers,
          .heads = kHeads,
          .head_size = kSize,
          .layout = layout,
          .dtype = DType::f64};
}

Tensor turned(const RotaryMixedPosition& position, std::int64_t layer, const Tensor& qkv,
              const PositionGrid& grid) {
  nn::SelfAttention::Extra extra;
  position.at_attention(layer, position.prepare(position.embed(grid, {}), qkv.dtype()), {}, extra);
  return extra.transform(qkv);
}

/// Every pair of the queries and keys of a head at the angle that `entry` gives: (patch, head) ->
/// the patch and head whose angle it is.
void expect_turned_by(const RotaryMixedPosition& position, const std::vector<std::int64_t>& extent,
                      const std::function<std::pair<std::int64_t, std::int64_t>(
                          std::int64_t patch, std::int64_t head)>& entry) {
  const std::int64_t patches = extent[0] * extent[1];
  const Tensor qkv = test::random_tensor({1, 1 + patches, 3 * kChannels}, 1);
  const auto freqs = test::elements<double>(position.parameter("freqs"));
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    const auto before = test::elements<double>(qkv);
    const auto after = test::elements<double>(turned(position, layer, qkv, at_origin(extent)));
    for (std::int64_t token = 0; token <= patches; ++token) {
      for (std::int64_t pair = 0; pair < 3 * kChannels / 2; ++pair) {
        const auto at = static_cast<std::size_t>(token * 3 * kChannels + 2 * pair);
        double angle = 0.0;
        if (token > 0 && pair < kChannels) {  // of queries or keys
          const std::int64_t of_token = pair % (kChannels / 2);
          const auto [patch, head] = entry(token - 1, of_token / (kSize / 2));
          const std::int64_t j = head * (kSize / 2) + of_token % (kSize / 2);
          const auto freq = [&](std::int64_t axis) {
            return freqs[static_cast<std::size_t>((axis * kLayers + layer) * kChannels / 2 + j)];
          };
          angle = static_cast<double>(patch % extent[1]) * freq(0) +
                  static_cast<double>(patch / extent[1]) * freq(1);
        }
        const double x = before[at], y = before[at + 1];
        ASSERT_NEAR(after[at], x * std::cos(angle) - y * std::sin(angle), 1e-12)
            << layer << " " << token << " " << pair;
        ASSERT_NEAR(after[at + 1], x * std::sin(angle) + y * std::cos(angle), 1e-12);
      }
    }
  }
}

TEST(RotaryMixedPosition, TurnsByColumnAndRow) {
  RotaryMixedPosition position(options());
  test::randomize(position);
  for (const auto& extent : {std::vector<std::int64_t>{kRows, kColumns}, {3, 5}})
    expect_turned_by(position, extent,
                     [](std::int64_t patch, std::int64_t head) { return std::pair(patch, head); });
}

TEST(RotaryMixedPosition, TheReferenceReadsItsListInAnotherOrder) {
  RotaryMixedPosition position(options(Layout::reference));
  test::randomize(position);
  for (const auto& extent : {std::vector<std::int64_t>{kRows, kColumns}, {3, 5}}) {
    const std::int64_t patches = extent[0] * extent[1];
    expect_turned_by(position, extent, [&](std::int64_t patch, std::int64_t head) {
      const std::int64_t entry = patch * kHeads + head;
      return std::pair(entry % patches, entry / patches);
    });
  }
}

TEST(RotaryMixedPosition, Gradients) {
  for (const Layout layout : {Layout::by_head, Layout::reference}) {
    RotaryMixedPosition position(options(layout));
    test::randomize(position);
    test::expect_gradients_match(
        [&](const std::vector<Tensor>& in) {
          return turned(position, 1, in[0], at_origin({kRows, kColumns}));
        },
        {test::random_tensor({2, kTokens, 3 * kChannels}, 1), position.parameter("freqs")});
  }
}

TEST(RotaryMixedPosition, BeginsWithTurnedAxes) {
  RotaryMixedPosition::Options wide = options();
  wide.head_size = 16;
  wide.base = 100.0;
  RotaryMixedPosition position(wide);
  position.set_name("");
  position.initialize(7);
  const auto freqs = test::elements<double>(position.parameter("freqs"));
  const std::size_t axis = kLayers * kHeads * 8;
  std::set<double> angles;
  for (std::size_t head = 0; head < kLayers * kHeads; ++head) {
    for (std::size_t j = 0; j < 4; ++j) {
      const double x = freqs[8 * head + j], y = freqs[axis + 8 * head + j];
      EXPECT_NEAR(std::hypot(x, y), std::pow(100.0, -static_cast<double>(j) / 4), 1e-12);
      // The other half of the pairs stands at a right angle to it.
      EXPECT_NEAR(freqs[8 * head + 4 + j], -y, 1e-12);
      EXPECT_NEAR(freqs[axis + 8 * head + 4 + j], x, 1e-12);
      if (j == 0) angles.insert(std::atan2(y, x));
    }
  }
  EXPECT_EQ(angles.size(), static_cast<std::size_t>(kLayers * kHeads)) << "an angle a layer, head";
}

TEST(RotaryMixedPosition, RefusesHeadsThatFourDoesNotDivide) {
  RotaryMixedPosition::Options odd = options();
  odd.head_size = 6;
  test::expect_error<ConfigError>([&] { const RotaryMixedPosition refused(odd); },
                                  "[rotary_mixed] a head's size (model.width over model.heads) "
                                  "must be a multiple of 4, got 6.");
}

}  // namespace
}  // namespace seqpe::models
