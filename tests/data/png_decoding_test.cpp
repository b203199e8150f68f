#include "engine/data/png_decoding.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/image_files.h"

namespace seqpe::data {
namespace {

using Pixels = std::vector<std::uint8_t>;

// Color types of the format.
constexpr char kGray = 0, kRgb = 2, kPalette = 3, kGrayAlpha = 4, kRgba = 6;

Image decode(const std::string& file) {
  return decode_png(test::as_bytes(file), "a.png");
}

/// Of one row.
Pixels decoded(std::uint32_t width, char bit_depth, char color_type, const std::string& row,
               const std::string& chunks = "") {
  return decode(test::png_file(1, width, bit_depth, color_type, {row}, chunks)).pixels;
}

TEST(PngDecoding, RowsAreReadInOrder) {
  const Image image = decode(test::png_file(2, 1, 8, kRgb, {"abc", "def"}));
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 1);
  EXPECT_EQ(image.pixels, (Pixels{'a', 'b', 'c', 'd', 'e', 'f'}));
}

TEST(PngDecoding, AlphaIsDropped) {
  const std::string transparent(1, 0);
  EXPECT_EQ(decoded(1, 8, kRgba, "abc" + transparent), (Pixels{'a', 'b', 'c'}));
  EXPECT_EQ(decoded(1, 8, kGrayAlpha, "a" + transparent), (Pixels{'a', 'a', 'a'}));
  EXPECT_EQ(decoded(1, 8, kRgb, "abc", test::png_chunk("tRNS", std::string("\0a\0b\0c", 6))),
            (Pixels{'a', 'b', 'c'}));
}

TEST(PngDecoding, GrayBecomesRgb) {
  EXPECT_EQ(decoded(2, 8, kGray, "ab"), (Pixels{'a', 'a', 'a', 'b', 'b', 'b'}));
  EXPECT_EQ(decoded(2, 1, kGray, "\x40"), (Pixels{0, 0, 0, 255, 255, 255}));
  EXPECT_EQ(decoded(2, 2, kGray, "\x60"), (Pixels{85, 85, 85, 170, 170, 170}));
  EXPECT_EQ(decoded(1, 4, kGray, "\x30"), (Pixels{51, 51, 51}));
}

TEST(PngDecoding, PalettesAreLookedUp) {
  const std::string palette = test::png_chunk("PLTE", "abcdef");
  EXPECT_EQ(decoded(2, 8, kPalette, std::string("\x01\0", 2), palette),
            (Pixels{'d', 'e', 'f', 'a', 'b', 'c'}));
  EXPECT_EQ(decoded(1, 1, kPalette, "\x80", palette), (Pixels{'d', 'e', 'f'}));
  EXPECT_EQ(decoded(1, 1, kPalette, "\x80", palette + test::png_chunk("tRNS", "a")),
            (Pixels{'d', 'e', 'f'}));
}

TEST(PngDecoding, Of16BitsTheHighByteStaysButGrayIsCutOff) {
  EXPECT_EQ(decoded(1, 16, kRgb, "\x01\xff\x02\x01\x03\x80"), (Pixels{1, 2, 3}));
  EXPECT_EQ(decoded(1, 16, kGrayAlpha, "\x05\xffzz"), (Pixels{5, 5, 5}));
  EXPECT_EQ(decoded(3, 16, kGray, std::string("\0\x07\0\xff\x01\0", 6)),
            (Pixels{7, 7, 7, 255, 255, 255, 255, 255, 255}));
}

TEST(PngDecoding, AFileThatEndsEarlyIsRefused) {
  const std::string whole = test::png_file(2, 1, 8, kRgb, {"abc", "def"});
  for (std::size_t length = 8; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    test::expect_error<DataError>([&] { decode(whole.substr(0, length)); },
                                  "[image] a.png: cannot decode this PNG file: it ends early.");
  }
}

TEST(PngDecoding, DamagedDataAreRefused) {
  std::string file = test::png_file(2, 1, 8, kRgb, {"abc", "def"});
  file[file.find("IDAT") + 6] ^= 1;
  test::expect_error_with<DataError>([&] { decode(file); },
                                     "[image] a.png: cannot decode this PNG file: IDAT: ");
  test::expect_error<DataError>(
      [&] { decode(test::png_file(2, 1, 8, kRgb, {"abc"})); },
      "[image] a.png: cannot decode this PNG file: Not enough image data.");
  test::expect_error<DataError>(
      [&] { decode(test::png_file(1, 1, 8, kPalette, {"a"})); },
      "[image] a.png: cannot decode this PNG file: IDAT: Missing PLTE before IDAT.");
}

TEST(PngDecoding, SizesBeyondTheLimitAreRefused) {
  test::expect_error<DataError>(
      [&] { decode(test::png_file(2'000'000'000, 2'000'000'000, 8, kRgb, {"abc"})); },
      "[image] a.png: expected from 1 to 178956970 pixels, got height 2000000000 and width "
      "2000000000.");
  test::expect_error<DataError>([&] { decode(test::png_file(0, 1, 8, kRgb, {"abc"})); },
                                "[image] a.png: cannot decode this PNG file: Invalid IHDR data.");
}

TEST(PngDecoding, MorePixelsThanTheFileCanUnpackToAreRefused) {
  const std::string file = test::png_file(13000, 13001, 1, 0, {"x"});
  test::expect_error<DataError>(
      [&] { decode(file); },
      fmt::format("[image] a.png: expected at most {} bytes in the rows of this PNG file of {} "
                  "bytes, its header tells height 13000, width 13001 and 1626 bytes a row.",
                  1032 * file.size(), file.size()));
}

TEST(PngDecoding, AnEmptyPictureUnpacksAsFarAsDeflateCan) {
  const std::string file =
      test::png_file(4000, 4000, 1, 0, std::vector<std::string>(4000, std::string(500, '\0')));
  EXPECT_LT(file.size(), 2500U);  // of 2 million
  EXPECT_EQ(decode(file).pixels, std::vector<std::uint8_t>(3 * 4000 * 4000));
}

}  // namespace
}  // namespace seqpe::data
