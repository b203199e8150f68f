#include "engine/data/png_encoding.h"

#include <gtest/gtest.h>

#include "engine/data/png_decoding.h"
#include "engine/io/file.h"
#include "tests/support/expect_error.h"
#include "tests/support/image_files.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::data {
namespace {

/// Every byte differs from its neighbours.
Image striped(std::int64_t height, std::int64_t width) {
  Image image = make_image(height, width, "stripes");
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(89 * i + i / 7);
  return image;
}

TEST(PngEncoding, TheDecoderReadsBackEveryByte) {
  for (const auto& [height, width] : {std::pair{1, 1}, {3, 5}, {40, 17}}) {
    const Image image = striped(height, width);
    const Image read = decode_png(test::as_bytes(encode_png(image, "a.png")), "a.png");
    EXPECT_EQ(read.height, height);
    EXPECT_EQ(read.width, width);
    EXPECT_EQ(read.pixels, image.pixels);
  }
}

TEST(PngEncoding, WritesAFileAndReplacesOne) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "a.png";
  for (const std::int64_t width : {9, 4}) {
    write_png(path, striped(6, width));
    EXPECT_EQ(decode_png(io::read_file(path), "a.png").pixels, striped(6, width).pixels);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1)
      << "nothing else is left";
}

TEST(PngEncoding, Errors) {
  test::expect_error<DataError>(
      [] { encode_png({}, "a.png"); },
      "[image] a.png: expected from 1 to 178956970 pixels, got height 0 and width 0.");
  test::expect_error<Error>(
      [] {
        encode_png({2, 3, {1, 2, 3}}, "a.png");
      },
      "[image] a.png: an image of height 2 and width 3 must have 18 bytes, got 3.");
  test::expect_error_with<DataError>([] { encode_png(make_image(1, 1'000'001, "wide"), "a.png"); },
                                     "[image] a.png: cannot encode this image as PNG: ");
}

}  // namespace
}  // namespace seqpe::data
