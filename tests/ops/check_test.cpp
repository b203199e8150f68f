#include "engine/ops/check.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

TEST(Check, Accepts) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    const Tensor x = Tensor::zeros({2, 3}, dtype);
    EXPECT_NO_THROW(ops::check_floating("op", "x", x));
    EXPECT_NO_THROW(ops::check_shape("op", "x", x, {2, 3}, "as told"));
    EXPECT_NO_THROW(ops::check_same_kind("op", "x", x, "y", Tensor::zeros({}, dtype)));
  }
}

TEST(Check, Errors) {
  const Tensor x = Tensor::zeros({2, 3});
  const auto floating = [](const Tensor& tensor) {
    return [=] { ops::check_floating("op", "x", tensor); };
  };
  const auto shape = [](const Tensor& tensor, const Shape& expected) {
    return [=] { ops::check_shape("op", "x", tensor, expected, "as told"); };
  };
  const auto kind = [&](const Tensor& reference) {
    return [=] { ops::check_same_kind("op", "x", x, "y", reference); };
  };
  test::expect_refused({
      {floating({}), "[op] x must be a tensor, got an undefined one."},
      {floating(Tensor::from<std::uint8_t>({1}, {0})), "[op] x must be f32, f64 or bf16, got u8."},
      {floating(Tensor::from<std::int32_t>({1}, {0})), "[op] x must be f32, f64 or bf16, got i32."},
      {floating(Tensor::from<std::int64_t>({1}, {0})), "[op] x must be f32, f64 or bf16, got i64."},
      {shape({}, {2}), "[op] x must be a tensor, got an undefined one."},
      {shape(x, {2}), "[op] x must have shape [2] (as told), got [2, 3]."},
      {shape(x, {3, 2}), "[op] x must have shape [3, 2] (as told), got [2, 3]."},
      {shape(x, {}), "[op] x must have shape [] (as told), got [2, 3]."},
      {kind(x.to(DType::f64)), "[op] x must be f64 on cpu like y, got f32 on cpu."},
  });
}

}  // namespace
}  // namespace seqpe
