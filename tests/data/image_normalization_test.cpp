#include "engine/data/image_normalization.h"

#include <gtest/gtest.h>

namespace seqpe::data {
namespace {

TEST(ImageNormalization, ChannelsBecomePlanes) {
  const Image image{1, 2, {0, 51, 255, 255, 0, 102}};
  const ImageStatistics statistics{{0.5F, 0.0F, 1.0F}, {0.5F, 0.25F, 2.0F}};
  std::vector<float> planes(6);
  normalize_image(image, statistics, planes.data());
  EXPECT_EQ(planes, (std::vector<float>{-1, 1, 0.8F, 0, 0, -0.3F}));
}

TEST(ImageNormalization, BlackByImageNet) {
  std::vector<float> planes(3);
  normalize_image(make_image(1, 1, "test"), kImageNetStatistics, planes.data());
  EXPECT_EQ(planes[0], -0.485F / 0.229F);
  EXPECT_EQ(planes[1], -0.456F / 0.224F);
  EXPECT_EQ(planes[2], -0.406F / 0.225F);
}

}  // namespace
}  // namespace seqpe::data
