#include "engine/data/image_folder.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/tiny_images.h"

namespace seqpe::data {
namespace {

using test::gray_png;
using test::write_below;
using Names = std::vector<std::string>;

/// First value and label of all images, in their order.
std::vector<std::pair<int, std::int64_t>> content_of(const ImageDataset& images) {
  std::vector<std::pair<int, std::int64_t>> content;
  for (std::int64_t i = 0; i < images.count(); ++i)
    content.emplace_back(test::first_value(images, i), images.label(i));
  return content;
}

TEST(ImageFolder, ClassesAreTheSortedFolders) {
  const test::TemporaryDirectory folder;
  write_below(folder, "b/x.png", gray_png(1, 1, 1));
  write_below(folder, "B/x.png", gray_png(1, 1, 2));
  write_below(folder, "a10/x.png", gray_png(1, 1, 3));
  write_below(folder, "a9/x.png", gray_png(1, 1, 4));
  write_below(folder, ".cache/x.png", gray_png(1, 1, 5));
  folder.write("file.png", gray_png(1, 1, 6));
  EXPECT_EQ(class_folders(folder.path()), (Names{"B", "a10", "a9", "b"}));
}

TEST(ImageFolder, ImagesAreSortedByFolderAndName) {
  const test::TemporaryDirectory folder;
  write_below(folder, "cat/b.png", gray_png(2, 3, 1));
  write_below(folder, "cat/a.PNG", gray_png(2, 3, 2));
  write_below(folder, "cat/a-/a.png", gray_png(2, 3, 3));
  write_below(folder, "cat/c.jpeg", test::jpeg_file(2, 3, {4}));
  write_below(folder, "cat/.hidden.JPG", test::jpeg_file(2, 3, {5}));
  write_below(folder, "ant/z.JPEG", test::jpeg_file(2, 3, {6}));
  write_below(folder, "cat/notes.txt", "no image");
  write_below(folder, "cat/folder.png/y.jpg", gray_png(2, 3, 7));  // the first bytes count
  const ImageFolder images(folder.path(), {"ant", "cat"}, "train");
  EXPECT_EQ(content_of(images), (std::vector<std::pair<int, std::int64_t>>{
                                    {6, 0}, {5, 1}, {2, 1}, {1, 1}, {4, 1}, {3, 1}, {7, 1}}));
  EXPECT_EQ(images.split(), "train");
  EXPECT_EQ(images.kind(), "class folders");
  EXPECT_EQ(images.image(0).height, 2);
  EXPECT_EQ(images.image(0).width, 3);
}

TEST(ImageFolder, AClassMayHaveNoFolder) {
  const test::TemporaryDirectory folder;
  write_below(folder, "b/x.png", gray_png(1, 1, 1));
  const ImageFolder images(folder.path(), {"a", "b", "c"}, "test");
  EXPECT_EQ(images.classes(), (Names{"a", "b", "c"}));
  EXPECT_EQ(images.label(0), 1);
}

TEST(ImageFolder, LinksAreFollowed) {
  const test::TemporaryDirectory folder;
  write_below(folder, "elsewhere/deep/x.png", gray_png(1, 1, 9));
  std::filesystem::create_directories(folder / "set");
  std::filesystem::create_directory_symlink(folder / "elsewhere", folder / "set/a");
  EXPECT_EQ(class_folders(folder / "set"), Names{"a"});
  EXPECT_EQ(test::first_value(ImageFolder(folder / "set", {"a"}, "all"), 0), 9);
  std::filesystem::create_directory_symlink(folder / "set/a", folder / "elsewhere/circle");
  test::expect_error<DataError>(
      [&] { const ImageFolder images(folder / "set", {"a"}, "all"); },
      fmt::format("[images] {}: expected a folder below others, it is a link to {} above it.",
                  (folder / "set/a/circle").string(),
                  std::filesystem::canonical(folder / "elsewhere").string()));
}

TEST(ImageFolder, FoldersWithoutImagesAreRefused) {
  const test::TemporaryDirectory folder;
  write_below(folder, "a/x.gif", "GIF89a");
  test::expect_error<DataError>(
      [&] {
        const ImageFolder images(folder.path(), {"a", "b"}, "all");
      },
      fmt::format("[images] {}: expected files named .jpg, .jpeg, .png in its 2 folders, found "
                  "none.",
                  folder.path().string()));
}

class BadFiles : public testing::Test {
 protected:
  BadFiles() {
    write_below(folder_, "a/0.png", gray_png(1, 1, 10));
    write_below(folder_, "a/1.jpg", "text");
    write_below(folder_, "a/2.jpg", "");
    write_below(folder_, "a/3.png", gray_png(5, 5, 11).substr(0, 50));
    write_below(folder_, "b/4.png", gray_png(1, 1, 12));
    std::filesystem::create_symlink(folder_ / "nowhere", folder_ / "b/5.png");
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  test::TemporaryDirectory folder_;
};

TEST_F(BadFiles, AreNamedWhenTheyAreAskedFor) {
  const ImageFolder images(folder_.path(), {"a", "b"}, "all");
  ASSERT_EQ(images.count(), 6);
  test::expect_error<DataError>(
      [&] { images.image(1); },
      "[image] " + path("a/1.jpg") + ": expected a JPEG or PNG file, it begins with 74 65 78 74.");
  test::expect_error<DataError>(
      [&] { images.image(2); },
      "[image] " + path("a/2.jpg") + ": expected a JPEG or PNG file, it is empty.");
  test::expect_error<DataError>(
      [&] { images.image(3); },
      "[image] " + path("a/3.png") + ": cannot decode this PNG file: it ends early.");
  test::expect_error<DataError>([&] { images.image(5); }, "[file] cannot read " + path("b/5.png") +
                                                              ": No such file or directory.");
}

TEST_F(BadFiles, AreSkippedBeforeAnyImageIsTaken) {
  ImageFolder images(folder_.path(), {"a", "b"}, "all");
  testing::internal::CaptureStderr();
  images.skip_bad_images();
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_EQ(content_of(images), (std::vector<std::pair<int, std::int64_t>>{{10, 0}, {12, 1}}));
  EXPECT_NE(told.find("[images] skipped 4 bad images:\n"), std::string::npos) << told;
  for (const char* name : {"a/1.jpg", "a/2.jpg", "a/3.png", "b/5.png"})
    EXPECT_NE(told.find(path(name)), std::string::npos) << told;
}

TEST_F(BadFiles, NothingButBadOnesIsRefused) {
  std::filesystem::remove(folder_ / "a/0.png");
  ImageFolder images(folder_.path(), {"a"}, "all");
  test::expect_error_with<DataError>([&] { images.skip_bad_images(); },
                                     ": no image is left. [images] skipped 3 bad images:");
}

}  // namespace
}  // namespace seqpe::data
