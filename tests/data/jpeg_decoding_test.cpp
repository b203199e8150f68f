#include "engine/data/jpeg_decoding.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/image_files.h"

namespace seqpe::data {
namespace {

using Pixels = std::vector<std::uint8_t>;

Image decode(const std::string& file) {
  return decode_jpeg(test::as_bytes(file), "a.jpg");
}

Pixels repeated(const Pixels& pixel, int times) {
  Pixels pixels;
  while (times-- > 0) pixels.insert(pixels.end(), pixel.begin(), pixel.end());
  return pixels;
}

TEST(JpegDecoding, GrayBecomesRgb) {
  const Image image = decode(test::jpeg_file(2, 3, {200}));
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.pixels, repeated({200, 200, 200}, 6));
}

TEST(JpegDecoding, YCbCrBecomesRgb) {
  // 76 + 1.402 * 127; 76 + 0.344 * 43 - 0.714 * 127; 76 - 1.772 * 43
  EXPECT_EQ(decode(test::jpeg_file(8, 8, {76, 85, 255})).pixels, repeated({254, 0, 0}, 64));
}

TEST(JpegDecoding, InvertedCmykBecomesRgb) {
  // k is stored as 255 - k = 200; 200 - round(55 * 200 / 255), and so on.
  EXPECT_EQ(decode(test::jpeg_file(1, 2, {200, 0, 255, 200})).pixels, repeated({157, 0, 200}, 2));
}

TEST(JpegDecoding, AFileThatEndsEarlyIsRefused) {
  const std::string whole = test::jpeg_file(8, 8, {76, 85, 255});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    test::expect_error_with<DataError>([&] { decode(whole.substr(0, length)); },
                                       "[image] a.jpg: cannot decode this JPEG file: ");
  }
  test::expect_error<DataError>(
      [&] { decode(whole.substr(0, whole.size() - 1)); },
      "[image] a.jpg: cannot decode this JPEG file: Premature end of JPEG file.");
}

TEST(JpegDecoding, InventedPixelsAreRefused) {
  std::string file = test::jpeg_file(8, 8, {200});
  file.replace(file.size() - 4, 2, "\xf0\xf0\xf0");  // the code 1111 is none
  test::expect_error<DataError>(
      [&] { decode(file); },
      "[image] a.jpg: cannot decode this JPEG file: Corrupt JPEG data: bad Huffman code.");
  // A second row of blocks that does not come.
  test::expect_error<DataError>([&] { decode(test::jpeg_file(9, 8, {200})); },
                                "[image] a.jpg: cannot decode this JPEG file: Corrupt JPEG data: "
                                "premature end of data segment.");
}

TEST(JpegDecoding, StrayBytesBetweenSegmentsAreNone) {
  std::string file = test::jpeg_file(1, 1, {200});
  file.insert(2, "stray");
  EXPECT_EQ(decode(file).pixels, repeated({200}, 3));
}

TEST(JpegDecoding, WhatIsNoPictureIsRefused) {
  test::expect_error<DataError>(
      [&] {
        decode(test::jpeg_file(1, 1, {1, 2}));
      },
      "[image] a.jpg: expected 1, 3 or 4 components in this JPEG file, got 2.");
  test::expect_error<DataError>([&] { decode(test::jpeg_file(65500, 65500, {1})); },
                                "[image] a.jpg: expected from 1 to 178956970 pixels, got height "
                                "65500 and width 65500.");
  test::expect_error<DataError>(
      [&] { decode(test::jpeg_file(0, 5, {1})); },
      "[image] a.jpg: cannot decode this JPEG file: Empty JPEG image (DNL not supported).");
}

TEST(JpegDecoding, MorePixelsThanTheFileHasBitsForAreRefused) {
  const std::string file = test::jpeg_file(13000, 13000, {200});
  test::expect_error<DataError>(
      [&] { decode(file); },
      fmt::format("[image] a.jpg: expected at most {} pixels in this JPEG file of {} bytes, its "
                  "header tells height 13000 and width 13000.",
                  512 * file.size(), file.size()));
}

TEST(JpegDecoding, EndlessScansAreRefused) {
  // Progressive: the first coefficient, then its absent refinement over and over.
  std::string file = test::jpeg_file(8, 8, {128});
  file[file.find("\xff\xc0") + 1] = '\xc2';
  file.resize(file.find("\xff\xda"));
  const std::string scan = std::string("\xff\xda\0\x08\x01\x01\0", 7);
  file += scan + std::string("\0\0\0\x0f", 4);
  for (int i = 0; i < 1000; ++i) file += scan + std::string("\x01\x3f\0\x7f", 4);
  test::expect_error<DataError>(
      [&] { decode(file + "\xff\xd9"); },
      "[image] a.jpg: cannot decode this JPEG file: more than 500 scans.");
}

}  // namespace
}  // namespace seqpe::data
