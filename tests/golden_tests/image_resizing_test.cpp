// Resized and cropped images against Pillow's.
#include "engine/data/image_resizing.h"

#include "engine/data/image_cropping.h"
#include "tests/golden_tests/image_golden.h"

namespace seqpe {
namespace {

using data::ResizeFilter;

const std::pair<const char*, ResizeFilter> kFilters[] = {{"bicubic", ResizeFilter::bicubic},
                                                         {"bilinear", ResizeFilter::bilinear}};

/// Resizes the input `in` to every size that the file holds for it by the name of `out`.
void check_resize(const test::ImageGolden& golden, const std::string& in, const std::string& out,
                  const std::string& order = "") {
  for (const auto& [name, filter] : kFilters) {
    SCOPED_TRACE(out + " " + name);
    const data::Image expected = golden.image("out." + out + "." + name + order);
    test::expect_same(
        resize_image(golden.image("in." + in), expected.height, expected.width, filter), expected);
  }
}

TEST(GoldenImageResizing, UpDownAndOdd) {
  const test::ImageGolden golden("resize");
  for (const auto& row : golden.config.at("cases")) check_resize(golden, row["key"], row["key"]);
  check_resize(golden, "gray", "gray");
  for (const std::string in : {"checker", "edge"}) {
    for (const auto& size : golden.config.at("checker_and_edge").at("out_hw"))
      check_resize(golden, in, in + "." + std::to_string(size.at(0).get<int>()));
  }
}

TEST(GoldenImageResizing, HorizontalPassFirst) {
  const test::ImageGolden golden("resize_pass_order");
  for (const auto& row : golden.config.at("cases"))
    check_resize(golden, row["key"], row["key"], ".horizontal_first");
}

TEST(GoldenImageCropping, CroppedThenResized) {
  const test::ImageGolden golden("crop_flip");
  const data::Image image = golden.image("in.image");
  const auto boxes = golden.values<std::int32_t>("in.boxes_top_left_h_w");
  for (std::size_t i = 0; 4 * i < boxes.size(); ++i) {
    SCOPED_TRACE(i);
    const data::Image crop = data::crop_image(
        image, {boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]});
    test::expect_same(resize_image(crop, 32, 32, ResizeFilter::bicubic),
                      golden.image("out.size32", i));
    test::expect_same(resize_image(crop, 32, 32, ResizeFilter::bilinear),
                      golden.image("out.size32.bilinear", i));
    test::expect_same(resize_image(crop, 48, 48, ResizeFilter::bicubic),
                      golden.image("out.size48", i));
  }
}

TEST(GoldenImageCropping, CroppedAfterPaddingBy4) {
  const test::ImageGolden golden("crop_flip");
  const auto corners = golden.values<std::int32_t>("in.padded_crop_top_left");
  for (std::size_t i = 0; 2 * i < corners.size(); ++i) {
    SCOPED_TRACE(i);
    test::expect_same(data::crop_image(golden.image("in.cifar"),
                                       {corners[2 * i] - 4, corners[2 * i + 1] - 4, 32, 32}),
                      golden.image("out.padded_crop", i));
  }
}

TEST(GoldenImageCropping, Flipped) {
  const test::ImageGolden golden("crop_flip");
  test::expect_same(data::flip_image(golden.image("in.flip")), golden.image("out.flip.horizontal"));
}

}  // namespace
}  // namespace seqpe
