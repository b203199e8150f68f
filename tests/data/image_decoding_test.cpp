#include "engine/data/image_decoding.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "engine/io/file.h"
#include "tests/support/expect_error.h"
#include "tests/support/image_files.h"

namespace seqpe::data {
namespace {

using test::as_bytes;

/// Files of many kinds: baseline and progressive, gray, CMYK, palettes, interlaced.
std::vector<std::filesystem::path> shipped_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(SEQPE_TESTS_DIR "/golden/transforms/decode"))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  EXPECT_GE(files.size(), 30U);
  return files;
}

TEST(ImageDecoding, TheFirstBytesTellTheFormat) {
  EXPECT_EQ(decode_image(as_bytes(test::jpeg_file(1, 1, {200})), "a.png").pixels[0], 200);
  EXPECT_EQ(decode_image(as_bytes(test::png_file(1, 1, 8, 0, {"z"})), "a.JPEG").pixels[0], 'z');
}

TEST(ImageDecoding, OtherFilesAreNamed) {
  test::expect_error<DataError>([] { decode_image({}, "dog/a.jpg"); },
                                "[image] dog/a.jpg: expected a JPEG or PNG file, it is empty.");
  test::expect_error<DataError>(
      [] { decode_image(as_bytes("GIF89a"), "a.jpg"); },
      "[image] a.jpg: expected a JPEG or PNG file, it begins with 47 49 46 38.");
  test::expect_error<DataError>(
      [] { decode_image(as_bytes("\xff\xd8"), "a.jpg"); },
      "[image] a.jpg: expected a JPEG or PNG file, it begins with ff d8.");
}

TEST(ImageDecoding, FilesThatEndEarlyAreRefused) {
  for (const auto& path : shipped_files()) {
    const std::vector<std::byte> file = io::read_file(path);
    for (std::size_t length = 0; length < file.size(); length += 100) {
      SCOPED_TRACE(path.filename().string() + " at " + std::to_string(length));
      test::expect_error_with<DataError>(
          [&] { decode_image(std::span(file).first(length), "a.jpg"); }, "[image] a.jpg: ");
    }
  }
}

TEST(ImageDecoding, DamagedFilesAreDecodedOrRefused) {
  std::mt19937 random(5);
  int decoded = 0, refused = 0;
  for (const auto& path : shipped_files()) {
    const std::vector<std::byte> whole = io::read_file(path);
    for (int i = 0; i < 20; ++i) {
      std::vector<std::byte> file = whole;
      for (int flip = 0; flip <= i % 4; ++flip)
        file[random() % file.size()] ^= static_cast<std::byte>(1 + random() % 255);
      try {
        decode_image(file, "a.jpg");
        ++decoded;
      } catch (const DataError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(decoded, 10);
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace seqpe::data
