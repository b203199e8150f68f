#include "engine/data/image_dataset.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/data/image_cache.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_images.h"

namespace seqpe::data {
namespace {

using test::gray_png;
using test::write_below;
using Names = std::vector<std::string>;

class ImageDatasetTest : public testing::Test {
 protected:
  std::unique_ptr<ImageDataset> open(Split split = Split::train,
                                     BadImages bad = BadImages::refuse) const {
    return open_image_dataset(folder_.path(), split, bad);
  }
  void write(const std::string& name, int value = 1) const {
    write_below(folder_, name, gray_png(1, 1, value));
  }
  std::string name() const { return folder_.path().string(); }
  test::TemporaryDirectory folder_;
};

TEST_F(ImageDatasetTest, Cifar10) {
  folder_.write("data_batch_3.bin", '\x03' + std::string(3072, 'x'));
  EXPECT_EQ(open()->kind(), "CIFAR-10");
  EXPECT_EQ(open()->split(), "train");
  folder_.write("test_batch.bin", std::string(2 * 3073, '\x01'));
  EXPECT_EQ(open(Split::test)->count(), 2);
  EXPECT_EQ(open(Split::test)->split(), "test");
}

TEST_F(ImageDatasetTest, Mnist) {
  using test::big_endian;
  folder_.write("train-images-idx3-ubyte", big_endian(0x803, 4) + big_endian(1, 4) +
                                               big_endian(1, 4) + big_endian(1, 4) + "x");
  folder_.write("train-labels-idx1-ubyte", big_endian(0x801, 4) + big_endian(1, 4) + "\x04");
  EXPECT_EQ(open()->kind(), "MNIST");
  EXPECT_EQ(open()->label(0), 4);
  std::filesystem::rename(folder_ / "train-images-idx3-ubyte",
                          folder_ / "train-images-idx3-ubyte.gz");
  EXPECT_EQ(open()->kind(), "MNIST");
}

TEST_F(ImageDatasetTest, FoldersOfSplitsShareTheirClasses) {
  write("train/a/1.png", 1);
  write("train/c/2.png", 2);
  write("val/b/3.png", 3);
  write("val/c/4.png", 4);
  const auto train = open(), test = open(Split::test);
  EXPECT_EQ(train->classes(), (Names{"a", "b", "c"}));
  EXPECT_EQ(test->classes(), train->classes());
  EXPECT_EQ(train->split(), "train");
  EXPECT_EQ(test->split(), "test");
  ASSERT_EQ(train->count(), 2);
  EXPECT_EQ(train->label(1), 2);
  ASSERT_EQ(test->count(), 2);
  EXPECT_EQ(test::first_value(*test, 0), 3);
  EXPECT_EQ(test->label(0), 1);
}

TEST_F(ImageDatasetTest, TheTestSplitHasThreeNames) {
  write("train/a/1.png");
  for (const auto& [folder, value] : {std::pair("test", 1), {"validation", 2}, {"val", 3}}) {
    write(std::string(folder) + "/a/x.png", value);
    EXPECT_EQ(test::first_value(*open(Split::test), 0), value);
  }
}

TEST_F(ImageDatasetTest, AMissingSplitIsNamed) {
  write("train/a/1.png");
  write("val/2.png");  // ImageNet as it comes: no class folders
  test::expect_error<DataError>(
      [&] { open(Split::test); },
      fmt::format("[images] {}: expected val, validation, test with a folder a class, found train, "
                  "val.",
                  name()));
}

TEST_F(ImageDatasetTest, ClassFoldersServeBothSplits) {
  write("train/1.png");  // a class of railways: it holds no folders
  write("bus/2.png");
  for (const Split split : {Split::train, Split::test}) {
    EXPECT_EQ(open(split)->classes(), (Names{"bus", "train"}));
    EXPECT_EQ(open(split)->split(), "all");
    EXPECT_EQ(open(split)->count(), 2);
  }
}

TEST_F(ImageDatasetTest, ACache) {
  const auto path = folder_ / "cache";
  write_image_cache(*test::numbered_images(3, 2, 2), path, {});
  const auto images = open_image_dataset(path, Split::test);
  EXPECT_EQ(images->kind(), "cache");
  EXPECT_EQ(images->count(), 3);
}

TEST_F(ImageDatasetTest, BadImagesAreSkippedWhereThatIsAskedFor) {
  write("a/1.png", 7);
  write_below(folder_, "a/0.png", "text");
  EXPECT_EQ(open()->count(), 2);
  testing::internal::CaptureStderr();
  const auto images = open(Split::train, BadImages::skip);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("skipped 1 bad image"), std::string::npos);
  ASSERT_EQ(images->count(), 1);
  EXPECT_EQ(test::first_value(*images, 0), 7);
}

TEST_F(ImageDatasetTest, AnythingElseIsRefusedWithWhatWasFound) {
  const std::string expected =
      "expected a cache file that `data prepare` wrote, or a folder with data_batch_*.bin "
      "(CIFAR-10), *-idx3-ubyte (MNIST), train/ and val/ that hold a folder a class, or a folder a "
      "class";
  test::expect_error<DataError>(
      [&] { open(); }, fmt::format("[images] {}: {}, found an empty folder.", name(), expected));
  for (char c = 'a'; c <= 'g'; ++c) folder_.write(std::string(1, c) + ".txt", "x");
  test::expect_error<DataError>(
      [&] { open(); },
      fmt::format("[images] {}: {}, found a.txt, b.txt, c.txt, d.txt, e.txt and 2 more.", name(),
                  expected));
  test::expect_error<DataError>(
      [&] { open_image_dataset(folder_ / "a.txt", Split::train); },
      fmt::format("[images] {}: {}, found another file.", (folder_ / "a.txt").string(), expected));
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  test::expect_error_with<DataError>([&] { open_image_dataset(folder_ / "pipe", Split::train); },
                                     "found another file.");
  test::expect_error<DataError>(
      [&] { open_image_dataset(folder_ / "no", Split::train); },
      fmt::format("[images] {}: there is no such file or folder.", (folder_ / "no").string()));
  std::filesystem::create_symlink(folder_ / "circle", folder_ / "circle");
  test::expect_error<DataError>(
      [&] { open_image_dataset(folder_ / "circle", Split::train); },
      fmt::format("[images] cannot use {}: Too many levels of symbolic links.",
                  (folder_ / "circle").string()));
}

}  // namespace
}  // namespace seqpe::data
