#include "engine/data/images_in_memory.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/gzip_file.h"
#include "tests/support/tiny_images.h"

namespace seqpe::data {
namespace {

TEST(ImagesInMemory, ImagesByNumber) {
  const LabeledImages two{1, 2, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {1, 0}};
  const auto images = keep_in_memory(two, {"a", "b"}, "made up", Split::test);
  EXPECT_EQ(images->kind(), "made up");
  EXPECT_EQ(images->split(), "test");
  EXPECT_EQ(images->count(), 2);
  EXPECT_EQ(images->classes(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(images->label(0), 1);
  EXPECT_EQ(images->label(1), 0);
  const Image second = images->image(1);
  EXPECT_EQ(second.height, 1);
  EXPECT_EQ(second.width, 2);
  EXPECT_EQ(second.pixels, (std::vector<std::uint8_t>{7, 8, 9, 10, 11, 12}));
}

TEST(ImagesInMemory, LabelsNeedAClass) {
  const LabeledImages one{1, 1, {1, 2, 3}, {2}};
  test::expect_error<DataError>(
      [&] {
        keep_in_memory(one, {"a", "b"}, "made up", Split::train);
      },
      "[images] made up: expected labels from 0 to 1, got 2.");
}

TEST(ImagesInMemory, Cifar10HasItsNames) {
  const test::TemporaryDirectory folder;
  folder.write("test_batch.bin", '\x03' + std::string(3072, 'x'));
  const auto images = open_cifar10(folder.path(), Split::test);
  ASSERT_EQ(images->classes().size(), 10U);
  EXPECT_EQ(images->classes().at(static_cast<std::size_t>(images->label(0))), "cat");
  EXPECT_EQ(images->kind(), "CIFAR-10");
}

TEST(ImagesInMemory, MnistHasAsManyClassesAsItsLabelsAskFor) {
  using test::big_endian;
  const test::TemporaryDirectory folder;
  const auto open = [&](char label) {
    folder.write("t10k-images-idx3-ubyte", big_endian(0x803, 4) + big_endian(1, 4) +
                                               big_endian(1, 4) + big_endian(1, 4) + "x");
    folder.write("t10k-labels-idx1-ubyte", big_endian(0x801, 4) + big_endian(1, 4) + label);
    return open_mnist(folder.path(), Split::test);
  };
  EXPECT_EQ(open(3)->classes().size(), 10U);
  EXPECT_EQ(open(61)->classes().size(), 62U);
  EXPECT_EQ(open(61)->classes().back(), "61");
  // Those of the other split count, so that a label means the same in both.
  const std::string labels = big_endian(0x801, 4) + big_endian(1, 4) + "\x3f";
  folder.write("train-labels-idx1-ubyte.gz", test::gzip_file(labels));
  EXPECT_EQ(open(3)->classes().size(), 64U);
  folder.write("train-labels-idx1-ubyte", big_endian(0x801, 4) + big_endian(1, 4) + "\x0b");
  EXPECT_EQ(open(3)->classes().size(), 12U);
}

}  // namespace
}  // namespace seqpe::data
