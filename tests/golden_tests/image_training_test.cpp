// What a model is trained on against timm's pipeline, every draw given.
#include "engine/data/image_training.h"

#include "engine/data/image_normalization.h"
#include "engine/ops/image_batch.h"
#include "tests/golden_tests/image_golden.h"

namespace seqpe {
namespace {

using nlohmann::json;

data::Box box_of(const json& numbers) {
  return {numbers.at(0), numbers.at(1), numbers.at(2), numbers.at(3)};
}

/// `names` in the order of AugmentOperation.
data::AugmentStep step_of(const json& row, const json& names) {
  const auto found = std::find(names.begin(), names.end(), row.at("op"));
  EXPECT_NE(found, names.end()) << row;
  const data::AugmentStep step{static_cast<data::AugmentOperation>(found - names.begin()),
                               row.at("magnitude"), row.at("negated")};
  if (!row.at("argument").is_null()) {
    EXPECT_EQ(data::augment_argument(step), row.at("argument"));
  }
  return step;
}

/// An image as the model's device leaves it; noise is our own.
void expect_planes(const data::PreparedImage& prepared, const data::ImageTrainingDraws& draws,
                   const data::ImageStatistics& statistics, const std::vector<float>& golden) {
  const std::int64_t size = prepared.image.height;
  const Tensor pixels =
      Tensor::from<std::uint8_t>({1, size, size, data::Image::channels}, prepared.image.pixels);
  const Tensor planes =
      ops::image_batch(pixels, ops::image_placements({prepared.placement}), ops::image_mix({}),
                       statistics.mean, statistics.standard_deviation);
  const auto ours = planes.span<float>();
  ASSERT_EQ(ours.size(), golden.size());
  std::int64_t erased = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    const std::int64_t y = place / size % size, x = place % size;
    const data::Box box = draws.erasing ? draws.erasing->box : data::Box{};
    if (y >= box.top && y < box.top + box.height && x >= box.left && x < box.left + box.width) {
      erased += ours[i] != golden[i];
    } else {
      ASSERT_EQ(ours[i], golden[i]) << i;
    }
  }
  if (draws.erasing) {
    const data::Box& box = draws.erasing->box;
    EXPECT_EQ(erased, data::Image::channels * box.height * box.width);
  }
}

TEST(GoldenImageTraining, EveryDrawGiven) {
  const test::ImageGolden golden("train_chain");
  const json names = test::ImageGolden("randaugment").config.at("ops_in_order");
  const data::ImageStatistics statistics{golden.config.at("mean").get<std::array<float, 3>>(),
                                         golden.config.at("std").get<std::array<float, 3>>()};
  for (const json& row : golden.config.at("cases")) {
    SCOPED_TRACE(row.dump());
    const std::string in = row.at("in"), out = "out" + in.substr(2);
    const std::int64_t size = row.at("size");
    data::ImageTrainingDraws draws{.crop = box_of(row.at("crop_top_left_h_w")),
                                   .flip = row.at("flip"),
                                   .rand_augment = {},
                                   .color_changes = {},
                                   .erasing = std::nullopt};
    for (const json& operation : row.at("randaugment"))
      draws.rand_augment.push_back(step_of(operation, names));
    const json& erased = row.at("erase_top_left_h_w");
    if (!erased.is_null()) draws.erasing = {box_of(erased), 1};
    test::expect_same(data::training_image(golden.image(in), size, draws),
                      golden.image(out + ".uint8"));
    expect_planes(data::prepare_image(golden.image(in), size, draws, {}), draws, statistics,
                  golden.values<float>(out + ".normalised"));
  }
}

}  // namespace
}  // namespace seqpe
