#include "engine/ops/image_batch.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

constexpr std::array<float, 3> kMean{0, 0, 0}, kDeviation{1, 0.5F, 0.25F};

/// Images of one row, whose bytes are multiples of 51: a fifth of the range.
Tensor fifths(const Shape& shape, const std::vector<int>& values) {
  const Tensor pixels = Tensor::empty(shape, DType::u8);
  for (std::size_t i = 0; i < values.size(); ++i)
    pixels.data_as<std::uint8_t>()[i] = static_cast<std::uint8_t>(51 * values[i]);
  return pixels;
}

// Two images of two pixels; the first is moved by one pixel and flipped.
TEST(ImageBatchOp, HandComputed) {
  const Tensor pixels = fifths({2, 1, 2, 3}, {1, 2, 3, 4, 5, 1,  //
                                              5, 5, 5, 0, 0, 5});
  const Tensor placements = ops::image_placements({{.left = 1, .flipped = 1}, {}});
  const auto run = [&](const kernels::ImageMix& mix) {
    return ops::image_batch(pixels, placements, ops::image_mix(mix), kMean, kDeviation);
  };
  const float fifth = 1 / 5.0F;
  test::expect_values(run({}), {2, 3, 1, 2},
                      {0, 4 / 5.0F, 0, 2, 0, 4 * fifth,  //
                       1, 0, 2, 0, 4, 4});
  test::expect_values(run({.left = 1, .height = 1, .width = 1}), {2, 3, 1, 2},
                      {0, 0, 0, 0, 0, 4,  //
                       1, 4 / 5.0F, 2, 2, 4, 4 * fifth});
  test::expect_values(run({.own_share = 0.25F, .partner_share = 0.75F}), {2, 3, 1, 2},
                      {0.75, 0.25F * (4 / 5.0F), 1.5, 0.5, 3, 0.25F * (4 * fifth) + 3,  //
                       0.25, 0.75F * (4 / 5.0F), 0.5, 1.5, 1, 0.75F * (4 * fifth) + 1});
}

TEST(ImageBatchOp, Errors) {
  const Tensor pixels = Tensor::zeros({2, 4, 4, 3}, DType::u8),
               placements = ops::image_placements({{}, {}}), mix = ops::image_mix({});
  const auto call = [](const Tensor& images, const Tensor& of_each, const Tensor& of_all) {
    return [=] { ops::image_batch(images, of_each, of_all, kMean, kDeviation); };
  };
  test::expect_refused({
      {call({}, placements, mix), "[image_batch] pixels must be a tensor, got an undefined one."},
      {call(Tensor::zeros({2, 4, 4, 3}), placements, mix),
       "[image_batch] pixels must be u8 [B, height, width, 3], got f32 [2, 4, 4, 3]."},
      {call(Tensor::zeros({2, 3, 4, 4}, DType::u8), placements, mix),
       "[image_batch] pixels must be u8 [B, height, width, 3], got u8 [2, 3, 4, 4]."},
      {call(Tensor::zeros({0, 20000, 20000, 3}, DType::u8), placements, mix),
       "[image_batch] an image must have at most 268435456 pixels, got height 20000 and width "
       "20000."},
      {call(pixels, {}, mix), "[image_batch] placements must be a tensor, got an undefined one."},
      {call(pixels, Tensor::zeros({2, 44}), mix),
       "[image_batch] placements must be u8 on cpu like pixels, got f32 on cpu."},
      {call(pixels, ops::image_placements({{}}), mix),
       "[image_batch] placements must have shape [2, 44] (one an image), got [1, 44]."},
      {call(pixels, placements, Tensor::zeros({1, 24}, DType::u8)),
       "[image_batch] mix must have shape [24] (one a batch), got [1, 24]."},
  });
  const Tensor odd = Tensor::zeros({25}, DType::u8).rows(1, 25);
  test::expect_error_with<Error>(call(pixels, placements, odd),
                                 "[image_batch] mix must begin at a multiple of 4 bytes, got "
                                 "address 0x");
}

}  // namespace
}  // namespace seqpe
