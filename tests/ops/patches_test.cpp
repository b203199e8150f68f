#include "engine/ops/patches.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

TEST(PatchesOp, HandComputed) {
  // One image of two channels, 2 x 4, in two patches of 2 x 2.
  const Tensor images =
      Tensor::from<float>({1, 2, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8});
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    const Tensor out = ops::patches(images, 2, dtype);
    EXPECT_EQ(out.dtype(), dtype);
    test::expect_values(out, {1, 2, 8}, {1, 2, 5, 6, -1, -2, -5, -6, 3, 4, 7, 8, -3, -4, -7, -8});
  }
}

TEST(PatchesOp, Errors) {
  const auto call = [](const Tensor& images, std::int64_t patch) {
    return [=] { ops::patches(images, patch, DType::f32); };
  };
  Tensor trained = Tensor::zeros({1, 3, 4, 4});
  trained.set_requires_grad();
  test::expect_refused({
      {call({}, 2), "[patches] images must be a tensor, got an undefined one."},
      {call(Tensor::zeros({3, 4, 4}), 2),
       "[patches] images must be f32 [B, channels, height, width], got f32 [3, 4, 4]."},
      {call(Tensor::zeros({1, 3, 4, 4}, DType::bf16), 2),
       "[patches] images must be f32 [B, channels, height, width], got bf16 [1, 3, 4, 4]."},
      {call(Tensor::zeros({1, 3, 4, 6}), 4),
       "[patches] height and width must be multiples of the patch 4, got 4 and 6."},
      {call(Tensor::zeros({1, 3, 4, 6}), 0),
       "[patches] height and width must be multiples of the patch 0, got 4 and 6."},
      {call(trained, 2), "[patches] images take no gradient, but one is wanted."},
  });
}

}  // namespace
}  // namespace seqpe
