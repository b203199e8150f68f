#include "engine/data/image_checks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/tiny_images.h"

namespace seqpe::data {
namespace {

/// Every third image is bad; the first of them takes a while.
class ThirdsAreBad : public ImageDataset {
 public:
  std::string kind() const override { return "test"; }
  std::string split() const override { return "all"; }
  std::int64_t count() const override { return 100; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t) const override { return 0; }
  Image image(std::int64_t index) const override {
    if (index == 2) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    require<DataError>(index % 3 != 2, "number {}", index);
    return make_image(1, 1, "test");
  }

 private:
  std::vector<std::string> classes_{"a"};
};

TEST(ImageChecks, BadImagesAreFoundInTheirOrder) {
  for (const int threads : {1, 3}) {
    std::vector<std::int64_t> told;
    const auto bad = find_bad_images(ThirdsAreBad(), threads, [&](auto done, auto total) {
      told.push_back(done);
      EXPECT_EQ(total, 100);
    });
    ASSERT_EQ(bad.size(), 33U);
    for (std::size_t i = 0; i < bad.size(); ++i) {
      EXPECT_EQ(bad[i].index, static_cast<std::int64_t>(3 * i + 2));
      EXPECT_EQ(bad[i].reason, "number " + std::to_string(3 * i + 2));
    }
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back(), 100);
  }
}

TEST(ImageChecks, ProgressMayEndTheWork) {
  EXPECT_THROW(find_bad_images(ThirdsAreBad(), 2, [](auto, auto) { throw StoppedError("stop"); }),
               StoppedError);
}

TEST(ImageChecks, TenAreNamed) {
  EXPECT_EQ(bad_images_text({{4, "why"}}), "[images] skipped 1 bad image:\n  why");
  std::vector<BadImage> bad;
  for (std::int64_t i = 0; i < 12; ++i) bad.push_back({i, std::to_string(i)});
  EXPECT_EQ(bad_images_text(bad),
            "[images] skipped 12 bad images:\n  0\n  1\n  2\n  3\n  4\n  5\n  6\n  7\n  8\n  9\n"
            "  and 2 more");
}

}  // namespace
}  // namespace seqpe::data
