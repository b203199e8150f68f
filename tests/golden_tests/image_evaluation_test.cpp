// The evaluation pipeline against torchvision's.
#include "engine/data/image_evaluation.h"

#include "engine/data/image_normalization.h"
#include "engine/io/sha256.h"
#include "tests/golden_tests/image_golden.h"

namespace seqpe {
namespace {

using nlohmann::json;

data::ImageStatistics statistics_of(const test::ImageGolden& golden) {
  return {golden.config.at("mean").get<std::array<float, 3>>(),
          golden.config.at("std").get<std::array<float, 3>>()};
}

std::vector<float> normalized(const data::Image& image, const data::ImageStatistics& statistics) {
  std::vector<float> planes(image.pixels.size());
  data::normalize_image(image, statistics, planes.data());
  return planes;
}

void check_geometry(const data::Image& image, const json& row) {
  const auto geometry =
      data::evaluation_geometry(image.height, image.width, data::square_size(row.at("size")));
  EXPECT_EQ((std::array{geometry.resized_height, geometry.resized_width}),
            (row.at("resized_hw").get<std::array<std::int64_t, 2>>()));
  EXPECT_EQ((std::array{geometry.crop.top, geometry.crop.left}),
            (row.at("crop_top_left").get<std::array<std::int64_t, 2>>()));
}

TEST(GoldenImageEvaluation, SmallImages) {
  const test::ImageGolden golden("eval");
  for (const json& row : golden.config.at("cases")) {
    SCOPED_TRACE(row.dump());
    const data::Image image = golden.image(row.at("in"));
    check_geometry(image, row);
    const int size = row.at("size");
    const std::string out =
        fmt::format("out.{}.size{}", row.at("in").get<std::string>().substr(3), size);
    EXPECT_EQ(normalized(data::resize_and_crop_center(image, data::square_size(size)),
                         statistics_of(golden)),
              golden.values<float>(out));
  }
}

TEST(GoldenImageEvaluation, APhotograph) {
  const test::ImageGolden golden("eval");
  const data::Image image = golden.image("in.photo");
  for (const json& row : golden.config.at("photo")) {
    SCOPED_TRACE(row.dump());
    check_geometry(image, row);
    const data::Image crop = data::evaluation_image(image, data::square_size(row.at("size")));
    EXPECT_EQ(io::sha256(crop.pixels.data(), crop.pixels.size()), row.at("cropped_uint8_sha256"));
    const std::vector<float> planes = normalized(crop, statistics_of(golden));
    EXPECT_EQ(io::sha256(planes.data(), planes.size() * sizeof(float)),
              row.at("normalised_float32_sha256"));
  }
}

TEST(GoldenImageEvaluation, ShorterSides) {
  const test::ImageGolden golden("eval");
  for (const auto& [size, side] : golden.config.at("shorter_side_table").items())
    EXPECT_EQ(data::evaluation_geometry(7, 7, data::square_size(std::stoi(size))).resized_height,
              side)
        << size;
}

}  // namespace
}  // namespace seqpe
