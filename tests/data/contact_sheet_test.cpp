#include "engine/data/contact_sheet.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

Image filled(std::int64_t height, std::int64_t width, std::uint8_t value) {
  Image image = make_image(height, width, "filled");
  std::fill(image.pixels.begin(), image.pixels.end(), value);
  return image;
}

/// One character a pixel: its red value as a digit, or '.' where it is white.
std::vector<std::string> drawn(const Image& image) {
  std::vector<std::string> rows;
  for (std::int64_t row = 0; row < image.height; ++row) {
    std::string text;
    for (std::int64_t column = 0; column < image.width; ++column) {
      const auto* pixel = &image.pixels[static_cast<std::size_t>(3 * (row * image.width + column))];
      EXPECT_TRUE(pixel[0] == pixel[1] && pixel[0] == pixel[2]);
      text += pixel[0] == 255 ? '.' : static_cast<char>('0' + pixel[0]);
    }
    rows.push_back(text);
  }
  return rows;
}

using Rows = std::vector<std::string>;

TEST(ContactSheet, GoesRowByRowWithGaps) {
  const std::vector<Image> images{filled(1, 2, 1), filled(1, 2, 2), filled(1, 2, 3)};
  EXPECT_EQ(drawn(contact_sheet(images, 2, 1)),
            (Rows{".......", ".11.22.", ".......", ".33....", "......."}));
  EXPECT_EQ(drawn(contact_sheet(images, 3, 0)), (Rows{"112233"}));
  EXPECT_EQ(drawn(contact_sheet(images, 1, 0)), (Rows{"11", "22", "33"}));
}

TEST(ContactSheet, SizesMayDifferAndColumnsBeMoreThanImages) {
  EXPECT_EQ(drawn(contact_sheet({filled(2, 1, 1), filled(1, 3, 2)}, 9, 0)),
            (Rows{"1..222", "1....."}));
}

TEST(ContactSheet, Errors) {
  test::expect_error<Error>([] { contact_sheet({}, 2); },
                            "[contact_sheet] needs at least one image, got none.");
  test::expect_error<Error>([] { contact_sheet({filled(1, 1, 1)}, 0); },
                            "[contact_sheet] columns must be >= 1, got 0.");
  test::expect_error<Error>([] { contact_sheet({filled(1, 1, 1)}, 1, -1); },
                            "[contact_sheet] gap must be >= 0, got -1.");
}

}  // namespace
}  // namespace seqpe::data
