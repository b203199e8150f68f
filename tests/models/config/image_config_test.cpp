#include "models/config/image_config.h"

#include <gtest/gtest.h>

namespace seqpe::models {
namespace {

TEST(ImageSize, OfAText) {
  const auto size = [](const std::string& text) {
    const auto found = image_size_of(text);
    return found ? std::pair(found->rows, found->columns) : std::pair(-1L, -1L);
  };
  EXPECT_EQ(size("384"), std::pair(384L, 384L));
  EXPECT_EQ(size("384x512"), std::pair(384L, 512L));
  for (const char* wrong : {"", "x", "0", "-4", "384x", "x384", "384X512", "384x512x3", "12 ",
                            "1e3", "99999999999999999999"})
    EXPECT_EQ(size(wrong).first, -1) << wrong;
  EXPECT_EQ(text_of({384, 384}), "384");
  EXPECT_EQ(text_of({384, 512}), "384x512");
}

TEST(AugmentConfig, BecomesTheOptionsOfTheData) {
  AugmentConfig augment;
  const auto published = augment.training_options(224);
  EXPECT_EQ(published.size, 224);
  EXPECT_EQ(published.crop.smallest_area, 0.08);
  EXPECT_EQ(published.crop.largest_ratio, 4.0 / 3.0);
  ASSERT_TRUE(published.rand_augment.has_value());
  EXPECT_EQ(published.rand_augment->operations, 2);
  EXPECT_EQ(published.rand_augment->magnitude, 9.0);
  EXPECT_FALSE(published.color_jitter.has_value());
  ASSERT_TRUE(augment.mixup_options().has_value());
  EXPECT_EQ(augment.mixup_options()->cutmix_probability, 0.5);
  augment.rand_augment.operations = 0;
  augment.color_jitter = 0.3;
  augment.mixup = augment.cutmix = 0.0;
  augment.pad = 2;
  const auto plain = augment.training_options(32);
  EXPECT_FALSE(plain.rand_augment.has_value());
  EXPECT_EQ(plain.padding, 2);
  EXPECT_EQ(plain.color_jitter.value().saturation, 0.3);
  EXPECT_FALSE(augment.mixup_options().has_value());
}

}  // namespace
}  // namespace seqpe::models
