#include "engine/data/cifar10.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::data {
namespace {

/// A record whose pixel i has red i, green `label`, blue 255 - i, modulo 256.
std::string record(char label) {
  std::string bytes(1, label);
  for (int i = 0; i < 1024; ++i) bytes += static_cast<char>(i);
  bytes += std::string(1024, label);
  for (int i = 0; i < 1024; ++i) bytes += static_cast<char>(255 - i);
  return bytes;
}

TEST(Cifar10, PlanesBecomePixels) {
  const test::TemporaryDirectory folder;
  folder.write("test_batch.bin", record(3) + record(9));
  const LabeledImages images = read_cifar10(folder.path(), Split::test);
  EXPECT_EQ(images.height, 32);
  EXPECT_EQ(images.width, 32);
  EXPECT_EQ(images.labels, (std::vector<std::int64_t>{3, 9}));
  ASSERT_EQ(images.pixels.size(), 2U * 3072);
  const std::vector<std::uint8_t> second(images.pixels.begin() + 3, images.pixels.begin() + 6);
  EXPECT_EQ(second, (std::vector<std::uint8_t>{1, 3, 254}));
  const std::vector<std::uint8_t> last(images.pixels.end() - 3, images.pixels.end());
  EXPECT_EQ(last, (std::vector<std::uint8_t>{255, 9, 0}));
}

TEST(Cifar10, TrainingTakesTheBatchesThatAreThere) {
  const test::TemporaryDirectory folder;
  folder.write("data_batch_4.bin", record(4));
  folder.write("data_batch_2.bin", record(2) + record(7));
  folder.write("test_batch.bin", record(1));
  const LabeledImages images = read_cifar10(folder.path(), Split::train);
  EXPECT_EQ(images.labels, (std::vector<std::int64_t>{2, 7, 4}));
}

TEST(Cifar10, WrongFilesAreNamed) {
  const auto append = [](const std::string& text) {
    LabeledImages images;
    append_cifar10(std::as_bytes(std::span(text)), "a.bin", images);
  };
  const std::string expected =
      "[cifar10] a.bin: expected records of 3073 bytes (a label and 3 x 32 x 32 values), got a "
      "file "
      "of ";
  test::expect_error<DataError>([&] { append(""); }, expected + "0 bytes.");
  for (std::size_t length = 1; length < 3073; length += 100) {
    test::expect_error<DataError>([&] { append(record(1) + record(1).substr(0, length)); },
                                  expected + std::to_string(3073 + length) + " bytes.");
  }
  test::expect_error<DataError>(
      [&] { append(record(1) + record(10)); },
      "[cifar10] a.bin: expected labels from 0 to 9, got 10 in record 1.");
}

TEST(Cifar10, MissingFilesAreNamed) {
  const test::TemporaryDirectory folder;
  test::expect_error<DataError>(
      [&] { read_cifar10(folder.path(), Split::train); },
      fmt::format("[cifar10] {}: expected data_batch_1.bin to data_batch_5.bin or some of them, "
                  "found none. Hint: name the folder of CIFAR-10's binary version.",
                  folder.path().string()));
  test::expect_error<DataError>([&] { read_cifar10(folder.path(), Split::test); },
                                fmt::format("[file] cannot read {}: No such file or directory.",
                                            (folder / "test_batch.bin").string()));
}

}  // namespace
}  // namespace seqpe::data
