// Mixup and CutMix against timm's, and as the reference calls it.
#include "engine/data/mixup.h"

#include <cmath>
#include <limits>

#include "tests/golden_tests/golden_statistics.h"
#include "tests/golden_tests/image_golden.h"
#include "tests/reference/image_batch.h"

namespace seqpe {
namespace {

using nlohmann::json;

data::Mix mix_of(const json& row, std::int64_t height, std::int64_t width) {
  const double lambda = row.at("lambda");
  if (row.at("kind") == "mixup") return {lambda, std::nullopt};
  const auto center = row.at("centre_yx").get<std::array<std::int64_t, 2>>();
  const data::Mix mix = data::cutmix_at(lambda, center[0], center[1], height, width);
  EXPECT_EQ(mix.lambda, row.at("lambda_corrected"));
  const json& box = row.at("box_y0_y1_x0_x1");
  EXPECT_EQ(mix.box.has_value(), !box.is_null());
  if (mix.box) {
    EXPECT_EQ((std::array{mix.box->top, mix.box->top + mix.box->height, mix.box->left,
                          mix.box->left + mix.box->width}),
              (box.get<std::array<std::int64_t, 4>>()));
  }
  return mix;
}

/// Rows of `count` numbers in another order: partners side by side, which in timm are as far from
/// the two ends of the batch.
template <typename T>
std::vector<T> partners_together(const std::vector<T>& rows, std::size_t count) {
  std::vector<T> out;
  const std::size_t batch = rows.size() / count;
  const auto add = [&](std::size_t row) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(row * count);
    out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
  };
  for (std::size_t row = 0; row < batch / 2; ++row) {
    add(row);
    add(batch - 1 - row);
  }
  if (batch % 2 == 1) add(batch / 2);
  return out;
}

TEST(GoldenMixup, ImagesAndTargets) {
  const test::ImageGolden golden("mixup_cutmix");
  const auto labels = partners_together(golden.values<std::int64_t>("in.target"), 1);
  const auto shape = golden.shape("in.x");
  const auto pixels = static_cast<std::size_t>(shape.at(1) * shape.at(2) * shape.at(3));
  ASSERT_EQ(shape.at(0), std::ssize(labels));
  for (const json& row : golden.config.at("cases")) {
    SCOPED_TRACE(row.dump());
    const std::string out = "out." + row.at("key").get<std::string>();
    const data::Mix mix = mix_of(row, shape.at(2), shape.at(3));
    auto images = partners_together(golden.values<float>("in.x"), pixels);
    reference::mix_images(mix, shape.at(0), shape.at(2), shape.at(3), images.data());
    EXPECT_EQ(images, partners_together(golden.values<float>(out + ".x"), pixels));
    const std::int64_t classes = golden.config.at("classes");
    std::vector<float> targets(labels.size() * static_cast<std::size_t>(classes));
    data::soft_targets(labels, classes, golden.config.at("smoothing"), mix.lambda, targets.data());
    EXPECT_EQ(targets, partners_together(golden.values<float>(out + ".target"),
                                         static_cast<std::size_t>(classes)));
  }
}

/// max |ours - golden| / max |golden|
double error_of(const std::vector<float>& ours, const std::vector<double>& golden) {
  if (ours.size() != golden.size()) return std::numeric_limits<double>::infinity();
  double difference = 0, scale = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    difference = std::max(difference, std::abs(ours[i] - golden[i]));
    scale = std::max(scale, std::abs(golden[i]));
  }
  return difference / scale;
}

TEST(GoldenMixup, AsTheReferenceCallsIt) {
  for (const std::string name : {"mixup", "cutmix"}) {
    SCOPED_TRACE(name);
    const test::ImageGolden golden(name, "image");
    data::Mix mix{golden.config.at("lambda_used"), std::nullopt};
    if (name == "cutmix") {
      const auto rows = golden.config.at("box_rows").get<std::array<std::int64_t, 2>>();
      const auto columns = golden.config.at("box_columns").get<std::array<std::int64_t, 2>>();
      mix.box = {rows[0], columns[0], rows[1] - rows[0], columns[1] - columns[0]};
    }
    const auto shape = golden.shape("in.images");
    const auto pixels = static_cast<std::size_t>(shape.at(1) * shape.at(2) * shape.at(3));
    auto images = partners_together(golden.values<float>("in.images"), pixels);
    reference::mix_images(mix, shape.at(0), shape.at(2), shape.at(3), images.data());
    EXPECT_LE(error_of(images, partners_together(golden.values<double>("out.images"), pixels)),
              2e-5);
    const auto labels = partners_together(golden.values<std::int64_t>("in.labels"), 1);
    const std::int64_t classes = golden.config.at("classes");
    std::vector<float> targets(labels.size() * static_cast<std::size_t>(classes));
    data::soft_targets(labels, classes, golden.config.at("smoothing"), mix.lambda, targets.data());
    EXPECT_LE(error_of(targets, partners_together(golden.values<double>("out.targets"),
                                                  static_cast<std::size_t>(classes))),
              1e-7);
  }
}

TEST(GoldenMixup, Draws) {
  const json file = test::golden_statistics("mixup_cutmix_stats");
  const int draws = file.at("draws");
  for (const int side : {224, 32}) {
    SCOPED_TRACE(side);
    PhiloxGenerator generator({.seed = 8});
    std::vector<double> mixup, cutmix;
    for (int i = 0; i < draws; ++i) {
      const data::Mix mix = data::draw_mix(side, side, {}, generator);
      (mix.box ? cutmix : mixup).push_back(mix.lambda);
    }
    test::expect_quantiles(mixup, file.at("mixup_lambda_beta_0.8_0.8"), "mixup");
    test::expect_quantiles(cutmix, file.at("cutmix_lambda_corrected_" + std::to_string(side)),
                           "CutMix");
    EXPECT_NEAR(static_cast<double>(cutmix.size()) / draws,
                file.at("cutmix_fraction").get<double>(), 0.015);
  }
}

TEST(GoldenMixup, LambdaOfCutMix) {
  const json file = test::golden_statistics("mixup_cutmix_stats");
  PhiloxGenerator generator({.seed = 9});
  std::vector<double> lambdas(20'000);
  for (double& lambda : lambdas) lambda = data::draw_beta(1, generator);
  test::expect_quantiles(lambdas, file.at("cutmix_lambda_beta_1_1"), "lambda");
}

}  // namespace
}  // namespace seqpe
