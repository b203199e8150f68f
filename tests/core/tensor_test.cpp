#include "engine/core/tensor.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/random_tensor.h"
#include "tests/support/tensor_compare.h"

namespace seqpe {
namespace {

Tensor counting(const Shape& shape) {
  const Tensor tensor = Tensor::empty(shape, DType::f64);
  for (std::int64_t i = 0; i < tensor.numel(); ++i)
    tensor.data_as<double>()[i] = static_cast<double>(i);
  return tensor;
}

TEST(Tensor, Factories) {
  const Tensor zeros = Tensor::zeros({2, 3}, DType::i64);
  EXPECT_EQ(zeros.shape(), (Shape{2, 3}));
  EXPECT_EQ(zeros.rank(), 2);
  EXPECT_EQ(zeros.numel(), 6);
  EXPECT_EQ(zeros.bytes(), 48u);
  EXPECT_EQ(test::elements<std::int64_t>(zeros), std::vector<std::int64_t>(6, 0));
  EXPECT_EQ(test::elements<float>(Tensor::full({2}, 1.5)), (std::vector<float>{1.5f, 1.5f}));
  EXPECT_EQ(Tensor::from<std::int32_t>({2}, {4, 5}).dtype(), DType::i32);
  EXPECT_EQ(Tensor::zeros({}).numel(), 1) << "a scalar";
  EXPECT_EQ(Tensor::empty({std::int64_t{1} << 62, 0, 8}).numel(), 0);
  EXPECT_FALSE(Tensor().defined());
  EXPECT_FALSE(Tensor().requires_grad());
}

TEST(Tensor, DimCountsFromBothEnds) {
  const Tensor tensor = Tensor::zeros({2, 3, 4});
  EXPECT_EQ(tensor.dim(0), 2);
  EXPECT_EQ(tensor.dim(2), 4);
  EXPECT_EQ(tensor.dim(-1), 4);
  EXPECT_EQ(tensor.dim(-3), 2);
}

TEST(Tensor, CopiesAreHandles) {
  const Tensor a = counting({4}), b = a;
  b.data_as<double>()[2] = 9;
  EXPECT_EQ(a.data_as<double>()[2], 9);
}

TEST(Tensor, ViewsShareStorage) {
  const Tensor a = counting({2, 6});
  const Tensor view = a.view({3, 4});
  EXPECT_EQ(view.data(), a.data());
  view.data_as<double>()[11] = -1;
  EXPECT_EQ(a.data_as<double>()[11], -1);
  for (const auto& [asked, got] : {std::pair<Shape, Shape>{{-1}, {12}},
                                   {{3, -1}, {3, 4}},
                                   {{-1, 2, 3}, {2, 2, 3}},
                                   {{12, -1}, {12, 1}}}) {
    EXPECT_EQ(a.view(asked).shape(), got);
  }
  EXPECT_EQ(Tensor::zeros({0, 3}).view({-1, 3}).shape(), (Shape{0, 3}));
  EXPECT_EQ(Tensor::zeros({1}).view({}).shape(), Shape{});
}

TEST(Tensor, RowsShareStorage) {
  const Tensor a = counting({4, 3});
  const Tensor rows = a.rows(1, 3);
  EXPECT_EQ(rows.shape(), (Shape{2, 3}));
  EXPECT_EQ(test::elements<double>(rows), (std::vector<double>{3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(test::elements<double>(rows.rows(1, 2).view({3, 1})), (std::vector<double>{6, 7, 8}))
      << "offsets add up";
  rows.fill(0);
  EXPECT_EQ(test::elements<double>(a), (std::vector<double>{0, 1, 2, 0, 0, 0, 0, 0, 0, 9, 10, 11}));
  EXPECT_EQ(a.rows(4, 4).shape(), (Shape{0, 3}));
}

TEST(Tensor, BytesAreSeenAsOtherTypes) {
  const Tensor bytes = Tensor::zeros({40}, DType::u8);
  const Tensor numbers = bytes.bytes_as(8, {2, 2}, DType::f64),
               last = bytes.bytes_as(36, {1}, DType::f32);
  EXPECT_EQ(numbers.shape(), (Shape{2, 2}));
  numbers.fill(1.5);
  EXPECT_EQ(last.dtype(), DType::f32);
  EXPECT_EQ(last.data_as<float>()[0], reinterpret_cast<const float*>(numbers.data())[7]);
  EXPECT_EQ(bytes.data_as<std::uint8_t>()[7], 0);
  EXPECT_EQ(bytes.bytes_as(40, {0}, DType::i64).numel(), 0);
}

TEST(Tensor, StorageOutlivesTheTensorItCameFrom) {
  Tensor row;
  {
    const Tensor a = counting({4, 3});
    row = a.rows(3, 4);
  }
  EXPECT_EQ(test::elements<double>(row), (std::vector<double>{9, 10, 11}));
}

TEST(Tensor, CloneIsApart) {
  const Tensor a = counting({3}), copy = a.clone();
  a.fill(0);
  EXPECT_EQ(test::elements<double>(copy), (std::vector<double>{0, 1, 2}));
}

TEST(Tensor, ToConvertsWithRounding) {
  // bf16 has 8 bits of mantissa: 1 + 2^-8 lies halfway and goes to the even 1, 1 + 3 * 2^-8 to
  // 1 + 2^-6.
  const Tensor a = Tensor::from<double>({3}, {1 + 0x1p-8, 1 + 0x3p-8, -0.5});
  const std::vector<double> rounded{1, 1 + 0x1p-6, -0.5};
  EXPECT_EQ(test::elements<double>(a.to(DType::bf16).to(DType::f64)), rounded);
  EXPECT_EQ(test::elements<double>(a.to(DType::f32).to(DType::f64)), test::elements<double>(a));
  EXPECT_EQ(Tensor::from<double>({1}, {1.0 / 3}).to(DType::f32).data_as<float>()[0], 1.0f / 3);
  EXPECT_EQ(a.to(DType::f64).data(), a.data()) << "nothing to convert";
}

TEST(Tensor, ItemReadsEveryFloatingType) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    EXPECT_EQ(Tensor::full({1, 1}, 0.75, dtype).item(), 0.75) << name_of(dtype);
  }
}

TEST(Tensor, MoveIntoCarriesEveryHandle) {
  const Tensor buffer = Tensor::zeros({6}, DType::f64);
  const Tensor parameter = counting({2}), handle = parameter;
  parameter.move_into(buffer.rows(4, 6));
  EXPECT_EQ(test::elements<double>(buffer), (std::vector<double>{0, 0, 0, 0, 0, 1}));
  buffer.data_as<double>()[4] = 7;
  EXPECT_EQ(handle.data_as<double>()[0], 7);
}

TEST(Tensor, GradientFlags) {
  Tensor a = Tensor::zeros({2, 3});
  EXPECT_FALSE(a.requires_grad());
  EXPECT_TRUE(a.set_requires_grad().requires_grad());
  EXPECT_FALSE(a.grad().defined()) << "no backward yet";
  EXPECT_TRUE(a.view({6}).requires_grad());
  EXPECT_FALSE(a.detach().requires_grad());
  EXPECT_EQ(a.detach().data(), a.data());
  const Tensor plain = Tensor::zeros({2});
  plain.detach().set_requires_grad();
  EXPECT_FALSE(plain.requires_grad()) << "a handle of its own";
  EXPECT_FALSE(a.clone().requires_grad());
  EXPECT_FALSE(a.rows(0, 1).requires_grad());
  EXPECT_FALSE(a.to(DType::f32).requires_grad());
}

TEST(Tensor, Errors) {
  const Tensor a = counting({2, 3});
  const std::vector<std::pair<std::function<void()>, std::string>> cases{
      {[] {
         Tensor::empty({2, -1});
       },
       "[tensor] extents must be >= 0, got [2, -1]."},
      {[] {
         Tensor::empty({std::int64_t{1} << 40, std::int64_t{1} << 40});
       },
       "[tensor] f32 [1099511627776, 1099511627776] is more than memory can hold."},
      {[] { Tensor::empty({std::numeric_limits<std::int64_t>::max() / 4}, DType::f64); },
       "[tensor] f64 [2305843009213693951] is more than memory can hold."},
      {[] {
         Tensor::from<float>({2, 2}, {1, 2, 3});
       },
       "[tensor] shape [2, 2] needs 4 values, got 3."},
      {[&] { a.dim(2); }, "[tensor] dimension 2 does not exist in shape [2, 3]."},
      {[&] { a.dim(-3); }, "[tensor] dimension -3 does not exist in shape [2, 3]."},
      {[&] { a.data_as<float>(); }, "[tensor] elements are f64, asked for as f32."},
      {[&] { a.item(); }, "[tensor] item() needs one element, got shape [2, 3]."},
      {[] { Tensor::zeros({1}, DType::i64).item(); },
       "[item] dtype must be f32, f64 or bf16, got i64."},
      {[] { Tensor::zeros({1}, DType::i64).to(DType::f32); },
       "[to] dtype must be f32, f64 or bf16, got i64."},
      {[] { Tensor::zeros({1}, DType::u8).fill(1); },
       "[fill] dtype must be f32, f64 or bf16, got u8."},
      {[&] { a.bytes_as(0, {1}, DType::f32); },
       "[bytes_as] f64 [2, 3] from byte 0 on cannot be seen as f32 [1]."},
      {[] { Tensor::zeros({9}, DType::u8).bytes_as(8, {1}, DType::f32); },
       "[bytes_as] u8 [9] from byte 8 on cannot be seen as f32 [1]."},
      {[] { Tensor::zeros({9}, DType::u8).bytes_as(2, {1}, DType::f32); },
       "[bytes_as] u8 [9] from byte 2 on cannot be seen as f32 [1]."},
      {[&] { a.view({4}); }, "[view] shape [2, 3] of 6 elements cannot be seen as [4]."},
      {[&] {
         a.view({4, -1});
       },
       "[view] shape [2, 3] of 6 elements cannot be seen as [4, -1]."},
      {[&] {
         a.view({-1, -1});
       },
       "[view] shape [2, 3] of 6 elements cannot be seen as [-1, -1]."},
      {[&] {
         a.view({-2, -3});
       },
       "[view] shape [2, 3] of 6 elements cannot be seen as [-2, -3]."},
      {[&] {
         a.view({0, -1});
       },
       "[view] shape [2, 3] of 6 elements cannot be seen as [0, -1]."},
      // 2^32 times 2^32 would wrap to no elements.
      {[] {
         Tensor::zeros({0}).view({std::int64_t{1} << 32, std::int64_t{1} << 32});
       },
       "[view] shape [0] of 0 elements cannot be seen as [4294967296, 4294967296]."},
      {[&] { a.rows(1, 3); }, "[rows] [1, 3) does not lie in shape [2, 3]."},
      {[&] { a.rows(-1, 1); }, "[rows] [-1, 1) does not lie in shape [2, 3]."},
      {[&] { a.rows(2, 1); }, "[rows] [2, 1) does not lie in shape [2, 3]."},
      {[] { Tensor::zeros({}).rows(0, 0); }, "[rows] [0, 0) does not lie in shape []."},
      {[&] {
         a.copy_from(Tensor::zeros({2, 3}));
       },
       "[copy_from] source must be f64 [2, 3], got f32 [2, 3]."},
      {[&] {
         a.copy_from(counting({3, 2}));
       },
       "[copy_from] source must be f64 [2, 3], got f64 [3, 2]."},
      {[] { Tensor::zeros({1}, DType::i64).set_requires_grad(); },
       "[tensor] only floating tensors have gradients, this one is i64."}};
  for (const auto& [statement, message] : cases) test::expect_error(statement, message);
}

}  // namespace
}  // namespace seqpe
