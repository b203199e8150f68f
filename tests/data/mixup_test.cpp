#include "engine/data/mixup.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

using Floats = std::vector<float>;

TEST(Mixup, SharesAndBoxForTheKernel) {
  const auto expect = [](const kernels::ImageMix& mix, float own, float partner,
                         std::array<std::int32_t, 4> box) {
    EXPECT_EQ(mix.own_share, own);
    EXPECT_EQ(mix.partner_share, partner);
    EXPECT_EQ((std::array{mix.top, mix.left, mix.height, mix.width}), box);
  };
  expect(mix_of_images({}), 1, 0, {});
  expect(mix_of_images({0.25, std::nullopt}), 0.25F, 0.75F, {});
  expect(mix_of_images({1 - 1e-9, std::nullopt}), 1, static_cast<float>(1 - (1 - 1e-9)), {});
  expect(mix_of_images({0.5, Box{1, 2, 3, 4}}), 1, 0, {1, 2, 3, 4});
}

TEST(Mixup, CutMixBoxes) {
  const auto expect_box = [](const Mix& mix, std::array<std::int64_t, 4> box, double lambda) {
    ASSERT_TRUE(mix.box);
    EXPECT_EQ((std::array{mix.box->top, mix.box->left, mix.box->height, mix.box->width}), box);
    EXPECT_EQ(mix.lambda, lambda);
  };
  expect_box(cutmix_at(0.75, 2, 2, 4, 4), {1, 1, 2, 2}, 0.75);          // sides 2
  expect_box(cutmix_at(0.75, 0, 3, 4, 4), {0, 2, 1, 2}, 1 - 2.0 / 16);  // cut off above
  expect_box(cutmix_at(0, 2, 1, 4, 2), {0, 0, 4, 2}, 0);
  expect_box(cutmix_at(0, 3, 1, 5, 3), {1, 0, 4, 3}, 1 - 12.0 / 15);  // 5 from 3 - 2 to 3 + 3
  expect_box(cutmix_at(0.99, 2, 2, 4, 4), {2, 2, 0, 0}, 1);           // sides 0.4
  expect_box(cutmix_at(0.5, 0, 0, 1, 1), {0, 0, 0, 0}, 1);
  EXPECT_FALSE(cutmix_at(1, 0, 0, 4, 4).box);
  EXPECT_EQ(cutmix_at(1, 0, 0, 4, 4).lambda, 1);
}

TEST(Mixup, SoftTargets) {
  // Smoothing 0.5 of 4 classes: 0.125 and 0.625.
  Floats targets(12);
  soft_targets(std::vector<std::int64_t>{1, 2, 3}, 4, 0.5, 0.75, targets.data());
  EXPECT_EQ(targets, (Floats{0.125F, 0.5F, 0.25F, 0.125F,        // 1, and a quarter of 2
                             0.125F, 0.25F, 0.5F, 0.125F,        // 2, and a quarter of 1
                             0.125F, 0.125F, 0.125F, 0.625F}));  // 3 alone
}

TEST(Mixup, HardTargets) {
  Floats targets(4);
  soft_targets(std::vector<std::int64_t>{1, 0}, 2, 0, 1, targets.data());
  EXPECT_EQ(targets, (Floats{0, 1, 1, 0}));
  soft_targets(std::vector<std::int64_t>{0, 0}, 1, 1, 0.5, targets.data());
  EXPECT_EQ(targets, (Floats{1, 1, 1, 0}));  // of one class
}

TEST(Mixup, BetaHasItsMeanAndVariance) {
  PhiloxGenerator generator({.seed = 1});
  for (const double alpha : {0.05, 0.8, 1.0, 1.5, 4.0, 100.0}) {
    SCOPED_TRACE(alpha);
    constexpr int draws = 40'000;
    double sum = 0, squares = 0;
    for (int i = 0; i < draws; ++i) {
      const double x = draw_beta(alpha, generator);
      ASSERT_TRUE(x >= 0 && x <= 1) << x;
      sum += x - 0.5;
      squares += (x - 0.5) * (x - 0.5);
    }
    const double variance = 1 / (4 * (2 * alpha + 1));
    EXPECT_NEAR(sum / draws, 0, 5 * std::sqrt(variance / draws));
    EXPECT_NEAR(squares / draws, variance, 0.03 * variance);
  }
}

TEST(Mixup, BetaOfExtremeAlphas) {
  PhiloxGenerator generator({.seed = 2});
  int ones = 0;
  for (int i = 0; i < 1000; ++i) {
    const double x = draw_beta(1e-310, generator);
    EXPECT_TRUE(x == 0 || x == 1) << x;
    ones += x == 1;
    EXPECT_NEAR(draw_beta(1e12, generator), 0.5, 1e-5);
  }
  EXPECT_NEAR(ones, 500, 80);
}

TEST(Mixup, DrawsWhatIsOn) {
  PhiloxGenerator generator({.seed = 3});
  int mixup = 0, cutmix = 0, neither = 0;
  for (int i = 0; i < 1000; ++i) {
    const Mix off = draw_mix(8, 8, {.mixup_alpha = 0, .cutmix_alpha = 0}, generator);
    EXPECT_TRUE(off.lambda == 1 && !off.box);
    const Mix never = draw_mix(8, 8, {.probability = 0}, generator);
    EXPECT_TRUE(never.lambda == 1 && !never.box);
    EXPECT_FALSE(draw_mix(8, 8, {.cutmix_alpha = 0}, generator).box);
    EXPECT_TRUE(draw_mix(8, 8, {.mixup_alpha = 0}, generator).box);
    const Mix mix = draw_mix(8, 8, {.probability = 0.8, .cutmix_probability = 0.25}, generator);
    cutmix += mix.box.has_value();
    mixup += !mix.box && mix.lambda < 1;
    neither += !mix.box && mix.lambda == 1;
  }
  EXPECT_NEAR(cutmix, 200, 60);
  EXPECT_NEAR(mixup, 600, 70);
  EXPECT_NEAR(neither, 200, 60);
}

TEST(Mixup, CentersAreAnyPixel) {
  PhiloxGenerator generator({.seed = 4});
  std::array<int, 3> rows{};
  std::array<int, 2> columns{};
  for (int i = 0; i < 3000; ++i) {
    // Sides of 2.1 and 1.4, so of 2 and 1 pixels: from c - 1 (cut off at 0) and c up to c + 1.
    const Mix mix = draw_mix(3, 2, {.mixup_alpha = 0, .cutmix_alpha = 1e12}, generator);
    ASSERT_TRUE(mix.box);
    ++rows.at(static_cast<std::size_t>(mix.box->top + mix.box->height - 1));
    ++columns.at(static_cast<std::size_t>(mix.box->left));
  }
  for (const int count : rows) EXPECT_NEAR(count, 1000, 150);
  for (const int count : columns) EXPECT_NEAR(count, 1500, 150);
}

TEST(Mixup, WrongArgumentsAreRefused) {
  PhiloxGenerator generator({.seed = 5});
  test::expect_error([&] { draw_mix(2, 2, {.probability = -1}, generator); },
                     "[augmentation] mixup: expected a probability from 0 to 1, got -1.");
  test::expect_error([&] { draw_mix(2, 2, {.cutmix_probability = 2}, generator); },
                     "[augmentation] mixup: expected a CutMix probability from 0 to 1, got 2.");
  test::expect_error([&] { draw_mix(2, 2, {.mixup_alpha = -1}, generator); },
                     "[augmentation] mixup: expected a finite mixup alpha >= 0, got -1.");
  test::expect_error(
      [&] { draw_mix(2, 2, {.cutmix_alpha = std::numeric_limits<double>::infinity()}, generator); },
      "[augmentation] mixup: expected a finite CutMix alpha >= 0, got inf.");
  test::expect_error([] { cutmix_at(1.5, 0, 0, 2, 2); },
                     "[augmentation] mixup: expected a lambda from 0 to 1, got 1.5.");
  test::expect_error([] { cutmix_at(0.5, 0, 3, 2, 3); },
                     "[augmentation] CutMix: expected a centre inside of height 2 and width 3, got "
                     "(0, 3).");
  Floats numbers(12);
  const std::vector<std::int64_t> labels{0, 3};
  test::expect_error([&] { soft_targets(labels, 3, 0.1, 0.5, numbers.data()); },
                     "[augmentation] targets: expected labels from 0 to 2, got 3 at 1.");
  test::expect_error([&] { soft_targets(labels, 0, 0.1, 0.5, numbers.data()); },
                     "[augmentation] targets: expected at least one class, got 0.");
  test::expect_error([&] { soft_targets(labels, 4, 1.1, 0.5, numbers.data()); },
                     "[augmentation] targets: expected a smoothing from 0 to 1, got 1.1.");
}

}  // namespace
}  // namespace seqpe::data
