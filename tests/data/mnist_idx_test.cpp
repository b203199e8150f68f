#include "engine/data/mnist_idx.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/expect_error.h"
#include "tests/support/gzip_file.h"
#include "tests/support/image_files.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::data {
namespace {

using test::big_endian;

// Two images of 2 x 3 pixels and their labels.
const std::string kImages =
    big_endian(0x803, 4) + big_endian(2, 4) + big_endian(2, 4) + big_endian(3, 4) + "abcdefghijkl";
const std::string kLabels = big_endian(0x801, 4) + big_endian(2, 4) + "\x07\x09";

class MnistIdx : public testing::Test {
 protected:
  LabeledImages read(const std::string& images, const std::string& labels) const {
    return read_idx(folder_.write("images", images), folder_.write("labels", labels));
  }
  void expect_error(const std::string& images, const std::string& labels,
                    const std::string& message) const {
    test::expect_error<DataError>([&] { read(images, labels); }, message);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  test::TemporaryDirectory folder_;
};

void expect_the_two(const LabeledImages& images) {
  EXPECT_EQ(images.height, 2);
  EXPECT_EQ(images.width, 3);
  EXPECT_EQ(images.labels, (std::vector<std::int64_t>{7, 9}));
  const std::string rgb = "aaabbbcccdddeeefffggghhhiiijjjkkklll";
  EXPECT_EQ(images.pixels, std::vector<std::uint8_t>(rgb.begin(), rgb.end()));
}

TEST_F(MnistIdx, GrayBecomesRgb) {
  expect_the_two(read(kImages, kLabels));
}

TEST_F(MnistIdx, PackedFilesAreToldByTheirBytes) {
  expect_the_two(read(test::gzip_file(kImages), test::gzip_file(kLabels)));
}

TEST_F(MnistIdx, FilesOfAFolder) {
  folder_.write("train-images-idx3-ubyte", kImages);
  folder_.write("train-labels-idx1-ubyte.gz", test::gzip_file(kLabels));
  expect_the_two(read_mnist(folder_.path(), Split::train));
  test::expect_error<DataError>(
      [&] { read_mnist(folder_.path(), Split::test); },
      fmt::format("[idx] {}: there is no such file, nor with .gz. Hint: name MNIST's folder.",
                  path("t10k-images-idx3-ubyte")));
}

TEST_F(MnistIdx, FilesThatEndEarlyAreRefused) {
  for (std::size_t length = 0; length < kImages.size(); ++length) {
    expect_error(kImages.substr(0, length), kLabels,
                 length < 16
                     ? fmt::format("[idx] {}: expected a header of 16 bytes, got a file of {} "
                                   "bytes.",
                                   path("images"), length)
                     : fmt::format("[idx] {}: expected 2 x 2 x 3 bytes behind its header, got {}.",
                                   path("images"), length - 16));
  }
  expect_error(kImages, kLabels.substr(0, 9),
               fmt::format("[idx] {}: expected 2 bytes behind its header, got 1.", path("labels")));
  const std::string packed = test::gzip_file(kImages);
  expect_error(packed.substr(0, packed.size() - 1), kLabels,
               fmt::format("[gzip] {} ends early.", path("images")));
}

TEST_F(MnistIdx, OtherHeadersAreRefused) {
  expect_error(kLabels + std::string(8, 0), kLabels,
               fmt::format("[idx] {}: expected the magic number 00000803 (images of bytes), got "
                           "00000801.",
                           path("images")));
  expect_error(kImages, kImages,
               fmt::format("[idx] {}: expected the magic number 00000801 (a list of bytes), got "
                           "00000803.",
                           path("labels")));
  expect_error(
      kImages + "m", kLabels,
      fmt::format("[idx] {}: expected 2 x 2 x 3 bytes behind its header, got 13.", path("images")));
  std::string huge = big_endian(0x803, 4) + std::string(12, '\xff') + "abc";
  expect_error(
      huge, kLabels,
      fmt::format("[idx] {}: expected at most 2147483648 bytes behind its header, it tells "
                  "of 4294967295 x 4294967295 x 4294967295.",
                  path("images")));
  expect_error(kImages.substr(0, 4) + std::string(12, 0), kLabels,
               fmt::format("[idx] {}: expected sizes of at least 1 in its header, got 0 x 0 x 0.",
                           path("images")));
}

TEST_F(MnistIdx, EveryImageHasALabel) {
  expect_error(kImages, big_endian(0x801, 4) + big_endian(3, 4) + "abc",
               fmt::format("[idx] {} must hold a label for each image of {}: expected 2, got 3.",
                           path("labels"), path("images")));
}

TEST_F(MnistIdx, DamagedFilesAreReadOrRefused) {
  std::mt19937 random(9);
  const std::string packed = test::gzip_file(kImages);
  for (int i = 0; i < 200; ++i) {
    std::string images = i % 2 == 0 ? kImages : packed;
    images[random() % images.size()] ^= static_cast<char>(1 + random() % 255);
    try {
      EXPECT_EQ(read(images, kLabels).labels.size(), 2U);
    } catch (const DataError&) {
    }
  }
}

}  // namespace
}  // namespace seqpe::data
