#include "engine/data/image_evaluation.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

TEST(ImageEvaluation, TheShorterSideIsScaledAndTheLongerFollows) {
  // int(256 / 224 * 48) = 54; 54 * 83 / 61 = 73.5; the rests 6 and 25 are cut in the middle.
  const EvaluationGeometry wide = evaluation_geometry(61, 83, square_size(48));
  EXPECT_EQ(wide.resized_height, 54);
  EXPECT_EQ(wide.resized_width, 73);
  EXPECT_EQ(wide.crop.top, 3);
  EXPECT_EQ(wide.crop.left, 12);
  EXPECT_EQ(wide.crop.height, 48);
  EXPECT_EQ(wide.crop.width, 48);
  const EvaluationGeometry high = evaluation_geometry(83, 61, square_size(48));
  EXPECT_EQ(high.resized_height, 73);
  EXPECT_EQ(high.resized_width, 54);
  EXPECT_EQ(high.crop.top, 12);
  EXPECT_EQ(high.crop.left, 3);
}

TEST(ImageEvaluation, HalvesRoundToEvenOffsets) {
  EXPECT_EQ(evaluation_geometry(54, 63, square_size(48)).crop.left, 8);   // 7.5
  EXPECT_EQ(evaluation_geometry(54, 65, square_size(48)).crop.left, 8);   // 8.5
  EXPECT_EQ(evaluation_geometry(54, 67, square_size(48)).crop.left, 10);  // 9.5
  EXPECT_EQ(evaluation_geometry(54, 69, square_size(48)).crop.left, 10);  // 10.5
}

TEST(ImageEvaluation, ARectangleIsJustCovered) {
  // int(256 / 224 * 48) = 54 rows, int(256 / 224 * 96) = 109 columns.
  const EvaluationGeometry high = evaluation_geometry(83, 61, {48, 96});
  EXPECT_EQ(high.resized_height, 148);  // 109 * 83 / 61 = 148.3
  EXPECT_EQ(high.resized_width, 109);
  EXPECT_EQ((std::array{high.crop.top, high.crop.left}), (std::array<std::int64_t, 2>{50, 6}));
  EXPECT_EQ((std::array{high.crop.height, high.crop.width}), (std::array<std::int64_t, 2>{48, 96}));
  const EvaluationGeometry long_one = evaluation_geometry(20, 61, {48, 96});
  EXPECT_EQ(long_one.resized_height, 54);
  EXPECT_EQ(long_one.resized_width, 164);  // 54 * 61 / 20 = 164.7
  const EvaluationGeometry upright = evaluation_geometry(61, 83, {96, 48});
  EXPECT_EQ(upright.resized_height, 109);
  EXPECT_EQ(upright.resized_width, 148);
  const Image evaluated = evaluation_image(make_image(61, 83, "test"), {20, 40});
  EXPECT_EQ(evaluated.height, 20);
  EXPECT_EQ(evaluated.width, 40);
}

TEST(ImageEvaluation, SizesUpTo32AreTakenAsTheyAre) {
  Image image = make_image(32, 32, "test");
  image.pixels[5] = 77;
  EXPECT_EQ(evaluation_image(image, square_size(32)).pixels, image.pixels);
  test::expect_error<DataError>([&] { evaluation_image(image, square_size(28)); },
                                "[image] evaluation at 28 x 28: expected images of that height and "
                                "width (they are resized at "
                                "sizes above 32 only), got height 32 and width 32.");
  test::expect_error<DataError>(
      [&] { evaluation_image(make_image(32, 31, "test"), square_size(32)); },
      "[image] evaluation at 32 x 32: expected images of that height and width (they are resized "
      "at "
      "sizes above 32 only), got height 32 and width 31.");
  EXPECT_EQ(evaluation_image(make_image(16, 32, "test"), {16, 32}).height, 16);
}

TEST(ImageEvaluation, LargerSizesAreResizedAndCropped) {
  // Resized to 54 x 108 and cropped from column 30: the edge in the middle stays there.
  Image image = make_image(27, 54, "test");
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = i / 3 % 54 < 27 ? 10 : 200;
  const Image evaluated = evaluation_image(image, square_size(48));
  ASSERT_EQ(evaluated.height, 48);
  ASSERT_EQ(evaluated.width, 48);
  for (std::size_t i = 0; i < evaluated.pixels.size(); ++i) {
    const std::size_t column = i / 3 % 48;
    if (column >= 20 && column <= 27) continue;
    ASSERT_EQ(evaluated.pixels[i], column < 20 ? 10 : 200) << i;
  }
}

TEST(ImageEvaluation, AnImageThatWouldGrowTooLongIsRefused) {
  test::expect_error<DataError>(
      [] { evaluation_image(make_image(1, 3'000'000, "test"), square_size(224)); },
      "[image] resized image: expected from 1 to 178956970 pixels, got height 256 and width "
      "768000000.");
}

}  // namespace
}  // namespace seqpe::data
