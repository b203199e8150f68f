// The boxes of random crops and of random erasing against the distribution of timm's.
#include "engine/data/random_box.h"

#include "engine/data/random_erasing.h"
#include "engine/data/random_resized_crop.h"
#include "kernels/common/image_number.h"
#include "tests/golden_tests/golden_statistics.h"

namespace seqpe {
namespace {

using nlohmann::json;

double share_of(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// What the golden tells about boxes, of ours.
struct Boxes {
  void add(const data::Box& box, std::int64_t height, std::int64_t width) {
    area.push_back(share_of(box.height * box.width, height * width));
    ratio.push_back(share_of(box.width, box.height));
    if (box.height < height) top.push_back(share_of(box.top, height - box.height));
    if (box.width < width) left.push_back(share_of(box.left, width - box.width));
  }
  void expect(const json& expected) const {
    test::expect_quantiles(area, expected.at("area_fraction"), "area");
    test::expect_quantiles(top, expected.at("top_over_room"), "top");
    test::expect_quantiles(left, expected.at("left_over_room"), "left");
  }
  std::vector<double> area, ratio, top, left;  // ratio: width / height
};

std::vector<double> inverses(std::vector<double> values) {
  for (double& value : values) value = 1 / value;
  return values;
}

TEST(GoldenImageRandomBox, Crops) {
  const json file = test::golden_statistics("random_resized_crop_stats");
  for (const auto& [name, expected] : file.at("sizes").items()) {
    SCOPED_TRACE(name);
    const std::int64_t height = expected.at("height"), width = expected.at("width");
    const int draws = expected.at("draws");
    PhiloxGenerator generator({.seed = 6});
    Boxes boxes;
    std::vector<double> attempts;
    int fallbacks = 0;
    const auto middle = expected.at("fallback_box_top_left_h_w").get<std::array<std::int64_t, 4>>();
    for (int i = 0; i < draws; ++i) {
      const data::RandomCrop crop =
          data::draw_random_crop(height, width, data::kRandomCropRange, generator);
      attempts.push_back(crop.attempts);
      fallbacks += !crop.found;
      if (crop.found) {
        boxes.add(crop.box, height, width);
      } else {
        EXPECT_EQ((std::array{crop.box.top, crop.box.left, crop.box.height, crop.box.width}),
                  middle);
      }
    }
    boxes.expect(expected);
    test::expect_quantiles(boxes.ratio, expected.at("aspect_w_over_h"), "ratio");
    test::expect_quantiles(attempts, expected.at("attempts"), "attempts");
    EXPECT_NEAR(fallbacks, expected.at("fallbacks").get<int>(), test::kLevelBound * draws);
  }
}

TEST(GoldenImageRandomBox, Erasing) {
  const json file = test::golden_statistics("random_erasing_stats");
  for (const auto& [name, expected] : file.at("sizes").items()) {
    SCOPED_TRACE(name);
    const std::int64_t height = expected.at("height"), width = expected.at("width");
    const int images = expected.at("images");
    PhiloxGenerator generator({.seed = 7});
    Boxes boxes;
    std::vector<double> attempts;
    for (int i = 0; i < images; ++i) {
      const auto drawn =
          data::draw_erasing_box(height, width, 0.25, data::kRandomErasingRange, generator);
      if (!drawn) continue;
      boxes.add(drawn->box, height, width);
      attempts.push_back(drawn->attempts);
    }
    boxes.expect(expected);
    test::expect_quantiles(inverses(boxes.ratio), expected.at("aspect_h_over_w"), "ratio");
    test::expect_quantiles(attempts, expected.at("attempts"), "attempts");
    const int erased = expected.at("images_erased");
    EXPECT_NEAR(share_of(std::ssize(attempts), images), share_of(erased, images), 0.01);
  }
}

TEST(GoldenImageRandomBox, NoiseOfErasing) {
  std::vector<double> noise;
  for (std::uint64_t pixel = 0; noise.size() < 400'000; ++pixel) {
    float numbers[kImageChannels];
    image_noise({.seed = 8}, pixel, numbers);
    noise.insert(noise.end(), std::begin(numbers), std::end(numbers));
  }
  test::expect_quantiles(noise, test::golden_statistics("random_erasing_stats").at("noise"),
                         "noise");
}

}  // namespace
}  // namespace seqpe
