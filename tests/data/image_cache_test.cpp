#include "engine/data/image_cache.h"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/data/image_cache_layout.h"
#include "engine/data/image_resizing.h"
#include "engine/io/file.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_images.h"

namespace seqpe::data {
namespace {

using test::gray_png;
using test::write_below;

class ImageCacheTest : public testing::Test {
 protected:
  ImageCacheTest() {
    write_below(folder_, "set/a/0.png", gray_png(3, 2, 10));
    write_below(folder_, "set/a/1.png", gray_png(1, 4, 20));
    write_below(folder_, "set/bee/2.png", gray_png(2, 2, 30));
  }
  std::unique_ptr<ImageDataset> source() const {
    return open_image_dataset(folder_ / "set", Split::train);
  }
  /// The bytes of a cache of it.
  std::string written(const ImageCacheOptions& options = {}) const {
    write_image_cache(*source(), cache_, options);
    return io::read_text(cache_);
  }
  void expect_refused(const std::string& bytes, const std::string& message) const {
    folder_.write("cache", bytes);
    test::expect_error<DataError>([&] { open_image_cache(cache_); },
                                  "[cache] " + cache_.string() + ": " + message);
  }

  test::TemporaryDirectory folder_;
  const std::filesystem::path cache_ = folder_ / "cache";
};

TEST_F(ImageCacheTest, HoldsTheDataSet) {
  const ImageCacheResult result = write_image_cache(*source(), cache_, {});
  EXPECT_EQ(result.images, 3);
  EXPECT_EQ(result.bytes, static_cast<std::int64_t>(std::filesystem::file_size(cache_)));
  EXPECT_TRUE(result.skipped.empty());
  EXPECT_TRUE(is_image_cache(cache_));
  EXPECT_FALSE(is_image_cache(folder_ / "set/a/0.png"));
  const auto cached = open_image_cache(cache_);
  EXPECT_EQ(cached->kind(), "cache");
  EXPECT_EQ(cached->split(), "all");
  EXPECT_EQ(cached->classes(), (std::vector<std::string>{"a", "bee"}));
  ASSERT_EQ(cached->count(), 3);
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(cached->label(i), source()->label(i));
    const Image image = cached->image(i), original = source()->image(i);
    EXPECT_EQ(image.height, original.height);
    EXPECT_EQ(image.width, original.width);
    EXPECT_EQ(image.pixels, original.pixels);
    EXPECT_NO_THROW(cached->check_image(i));
  }
}

TEST_F(ImageCacheTest, ASplitIsKept) {
  write_image_cache(*test::numbered_images(2, 1, 1), cache_, {});
  EXPECT_EQ(open_image_cache(cache_)->split(), "train");
}

TEST_F(ImageCacheTest, LayoutByHand) {
  // Head 16, pixels 18 + 12 + 12, names "a" and "bee", three entries, foot.
  const std::string bytes = written();
  ASSERT_EQ(bytes.size(), 16U + 42 + 6 + 3 * 24 + 48);
  EXPECT_EQ(bytes.substr(0, 8), "SEQPEIMG");
  EXPECT_EQ(bytes.substr(8, 8), std::string("\1\0\0\0\2\0\0\0", 8));
  EXPECT_EQ(bytes.substr(16, 18), std::string(18, 10));
  EXPECT_EQ(bytes.substr(58, 6), std::string("a\0bee\0", 6));
  EXPECT_EQ(bytes.substr(64, 20), std::string("\x10\0\0\0\0\0\0\0\3\0\0\0\2\0\0\0\0\0\0\0", 20));
  EXPECT_EQ(bytes.substr(88, 20), std::string("\x22\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0\0", 20));
  EXPECT_EQ(bytes.substr(bytes.size() - 8), "SEQPEEND");
}

TEST_F(ImageCacheTest, LargeImagesAreScaledDown) {
  written({.shorter_side = 2});
  const auto cached = open_image_cache(cache_);
  EXPECT_EQ(cached->image(0).height, 3);  // 3 x 2: the shorter side has 2
  const Image thin = cached->image(1);    // 1 x 4 is not enlarged
  EXPECT_EQ(thin.height, 1);
  EXPECT_EQ(thin.width, 4);
  written({.shorter_side = 1});
  const auto smaller = open_image_cache(cache_);
  const Image scaled = smaller->image(0);
  EXPECT_EQ(scaled.height, 1);  // 3 x 2 times 1 / 2, rounded down
  EXPECT_EQ(scaled.width, 1);
  EXPECT_EQ(scaled.pixels, resize_image(source()->image(0), 1, 1, ResizeFilter::bicubic).pixels);
}

TEST_F(ImageCacheTest, TellsToWhichSideImagesWereScaledDown) {
  written();
  EXPECT_EQ(open_image_cache(cache_)->shorter_side(), 0);
  written({.shorter_side = 2});
  const auto cached = open_image_cache(cache_);
  EXPECT_EQ(cached->shorter_side(), 2);
  const auto side_of_copy = [&](std::int64_t side) {
    write_image_cache(*cached, folder_ / "copy", {.shorter_side = side});
    return open_image_cache(folder_ / "copy")->shorter_side();
  };
  EXPECT_EQ(side_of_copy(0), 2);
  EXPECT_EQ(side_of_copy(1), 1);
  EXPECT_EQ(side_of_copy(3), 2);
}

TEST_F(ImageCacheTest, ThreadsMustBeSome) {
  for (const int threads : {0, -1}) {
    test::expect_error<Error>(
        [&] { written({.threads = threads}); },
        fmt::format("[cache] expected at least one thread, got {}.", threads));
  }
}

TEST_F(ImageCacheTest, ThreadsDoNotShow) {
  const auto images = test::numbered_images(50, 5, 3);
  write_image_cache(*images, cache_, {.shorter_side = 4});
  const std::string one = io::read_text(cache_);
  std::vector<std::int64_t> told;
  write_image_cache(*images, cache_,
                    {.shorter_side = 4, .threads = 3, .progress = [&](auto done, auto total) {
                       told.push_back(done);
                       EXPECT_EQ(total, 50);
                     }});
  EXPECT_EQ(io::read_text(cache_), one);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), 50);
}

TEST_F(ImageCacheTest, BadImagesAreSkippedOrRefused) {
  write_below(folder_, "set/a/00.png", "text");
  write_below(folder_, "set/bee/0.jpg", "");
  const ImageCacheResult result =
      write_image_cache(*source(), cache_, {.bad_images = BadImages::skip});
  EXPECT_EQ(result.images, 3);
  ASSERT_EQ(result.skipped.size(), 2U);
  EXPECT_EQ(result.skipped[0].index, 1);  // behind 0.png
  EXPECT_EQ(result.skipped[1].index, 3);
  const auto cached = open_image_cache(cache_);
  EXPECT_EQ(test::first_value(*cached, 1), 20);
  EXPECT_EQ(test::first_value(*cached, 2), 30);
  EXPECT_EQ(cached->label(2), 1);

  const std::string before = io::read_text(cache_);
  test::expect_error<DataError>(
      [&] { written({.threads = 2}); },
      fmt::format("[image] {}: expected a JPEG or PNG file, it begins with 74 65 78 74.",
                  (folder_ / "set/a/00.png").string()));
  EXPECT_EQ(io::read_text(cache_), before);
  EXPECT_FALSE(std::filesystem::exists(cache_.string() + ".tmp"));
}

TEST_F(ImageCacheTest, NothingButBadImagesIsRefused) {
  const test::TemporaryDirectory other;
  write_below(other, "a/0.png", "text");
  const auto images = open_image_dataset(other.path(), Split::train);
  test::expect_error_with<DataError>(
      [&] { write_image_cache(*images, cache_, {.bad_images = BadImages::skip}); },
      ": no image is left. [images] skipped 1 bad image:");
  EXPECT_FALSE(std::filesystem::exists(cache_));
}

TEST_F(ImageCacheTest, EveryFlippedBitIsFound) {
  const std::string good = written();
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    folder_.write("cache", bad);
    const bool in_pixels = bit / 8 >= 16 && bit / 8 < 58;
    const auto open_and_check = [&] {
      const auto cached = open_image_cache(cache_);
      EXPECT_TRUE(in_pixels) << bit;
      for (std::int64_t i = 0; i < cached->count(); ++i) cached->check_image(i);
    };
    EXPECT_THROW(open_and_check(), DataError) << bit;
  }
}

TEST_F(ImageCacheTest, EveryOtherLengthIsRefused) {
  const std::string good = written();
  for (std::size_t length = 0; length < good.size(); ++length) {
    folder_.write("cache", good.substr(0, length));
    EXPECT_THROW(open_image_cache(cache_), DataError) << length;
    folder_.write("cache", good.substr(good.size() - length));
    EXPECT_THROW(open_image_cache(cache_), DataError) << length;
  }
  folder_.write("cache", good + '\0');
  EXPECT_THROW(open_image_cache(cache_), DataError);
}

/// A description with checksums that fit it, whatever it says.
class ForgedCache : public ImageCacheTest {
 protected:
  ForgedCache() {
    std::memcpy(&head_, good_.data(), sizeof head_);
    std::memcpy(entries_.data(), good_.data() + 64, 72);
    std::memcpy(&foot_, good_.data() + good_.size() - sizeof foot_, sizeof foot_);
  }
  std::string forged() {
    foot_.checksum = cache::description_checksum(head_, std::as_bytes(std::span(names_)),
                                                 std::as_bytes(std::span(entries_)), foot_);
    const auto text = [](std::span<const std::byte> bytes) {
      return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    return text(cache::bytes_of(head_)) + pixels_ + names_ +
           text(std::as_bytes(std::span(entries_))) + text(cache::bytes_of(foot_));
  }
  void expect_refused(const std::string& message) {
    ImageCacheTest::expect_refused(forged(), message);
  }
  void expect_refused_by_size(const std::string& found) {
    folder_.write("cache", forged());
    test::expect_error<DataError>(
        [&] { open_image_cache(cache_); },
        "[image] " + cache_.string() + ": expected from 1 to 178956970 pixels, " + found);
  }

  const std::string good_ = written();
  cache::Head head_{};
  std::string pixels_ = good_.substr(16, 42), names_ = good_.substr(58, 6);
  std::vector<cache::Entry> entries_ = std::vector<cache::Entry>(3);
  cache::Foot foot_{};
};

TEST_F(ForgedCache, SizesMustFitTheFile) {
  foot_.images = 1000;
  expect_refused(
      "expected 1000 entries of 24 bytes and 6 bytes of names (told at byte 136) to fit into 120 "
      "bytes, they do not.");
  foot_.images = std::uint64_t{1} << 61;  // 24 times that is 0 in 64 bits
  expect_refused(
      "expected 2305843009213693952 entries of 24 bytes and 6 bytes of names (told at byte 136) to "
      "fit into 120 bytes, they do not.");
  foot_.images = 3;
  foot_.name_bytes = 49;
  expect_refused(
      "expected 3 entries of 24 bytes and 49 bytes of names (told at byte 136) to fit into 120 "
      "bytes, they do not.");
}

TEST_F(ForgedCache, ImagesLieBehindEachOther) {
  entries_[1].offset = 35;
  expect_refused(
      "expected image 1 (told at byte 88) at byte 34 and to end by byte 58, got 12 bytes at byte "
      "35.");
  entries_[1].offset = 34;
  entries_[2].height = 3;
  expect_refused(
      "expected image 2 (told at byte 112) at byte 46 and to end by byte 58, got 18 bytes at byte "
      "46.");
  entries_[2].height = 1;
  expect_refused("expected the pixels to end at byte 58, they end at 52.");
}

TEST_F(ForgedCache, SizesOfImagesAreLimited) {
  entries_[0].height = 0xffffffff;
  entries_[0].width = 0xffffffff;
  expect_refused_by_size("got height 4294967295 and width 4294967295.");
  entries_[0].height = 0;
  expect_refused_by_size("got height 0 and width 4294967295.");
}

TEST_F(ForgedCache, LabelsHaveAClass) {
  entries_[2].label = 2;
  expect_refused("expected image 2 (told at byte 112) to have a label below 2, got 2.");
}

TEST_F(ForgedCache, ThereMustBeClassesImagesAndASplit) {
  foot_.classes = 3;
  expect_refused(
      "expected 3 names of classes, at least one image and a split from 0 to 2, got 2, 3 and 2.");
  foot_.classes = 2;
  head_.split = static_cast<cache::StoredSplit>(3);
  expect_refused(
      "expected 2 names of classes, at least one image and a split from 0 to 2, got 2, 3 and 3.");
  head_.split = cache::StoredSplit::all;
  foot_.images = 0;
  entries_.clear();
  pixels_.clear();
  expect_refused(
      "expected 2 names of classes, at least one image and a split from 0 to 2, got 2, 0 and 2.");
}

TEST_F(ForgedCache, AnotherVersionIsRefused) {
  head_.version = 2;
  expect_refused(
      "expected version 1 at byte 8, got 2. Hint: make it anew by `seqpe_engine data prepare`.");
}

}  // namespace
}  // namespace seqpe::data
