// Our wrapper of cuBLASLt: which products it asks the library for.
#include <array>

#include "tests/cuda/fake_cublaslt.h"
#include "tests/support/expect_error.h"
#include "tests/support/matmul_product.h"

namespace seqpe::kernels {
namespace {

using test::MatmulProduct;

constexpr test::MatmulPath kWrapper{"cuBLASLt", [](const MatmulArgs& args) {
                                      cuda::matmul({Device::cuda, nullptr}, args);
                                    }};

template <typename T>
class MatmulCublasLt : public testing::Test {};
using LibraryTypes = testing::Types<float, bf16>;
TYPED_TEST_SUITE(MatmulCublasLt, LibraryTypes);

TYPED_TEST(MatmulCublasLt, AllTransposesSizesAndStrides) {
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{0, 3, 2},
                                {3, 0, 2},
                                {3, 2, 0},
                                {1, 1, 1},
                                {1, 17, 5},
                                {7, 1, 3},
                                {33, 17, 65}}) {
    for (const int transposed : {0, 1, 2, 3}) {
      for (const Write write : test::kWrites) {
        for (const std::int64_t gap : {0, 3}) {
          MatmulProduct<TypeParam> product({.m = m,
                                            .n = n,
                                            .k = k,
                                            .trans_a = (transposed & 1) != 0,
                                            .trans_b = (transposed & 2) != 0,
                                            .alpha = gap == 0 ? 1.0 : -0.75,
                                            .write = write},
                                           {.gap = gap});
          product.expect_as_defined(kWrapper);
        }
      }
    }
  }
}

TYPED_TEST(MatmulCublasLt, Batches) {
  for (const auto& [share_a, share_b] : {std::pair{false, false}, {true, false}, {false, true}}) {
    for (const Write write : test::kWrites) {
      MatmulProduct<TypeParam> product(
          {.m = 5, .n = 7, .k = 6, .trans_b = share_a, .batch = 3, .write = write},
          {.share_a = share_a, .share_b = share_b, .gap = share_b ? 2 : 0});
      product.expect_as_defined(kWrapper);
    }
  }
}

/// How many products the library is asked for.
template <typename T, typename Out = T>
int products_of(const MatmulArgs& args) {
  const int before = test::cublaslt_products;
  MatmulProduct<T, Out> product(args, {.gap = 3});
  product.expect_as_defined(kWrapper);
  return test::cublaslt_products - before;
}

// 1029 is no multiple of 8, which fast kernels want of rows' lengths: of those of b and out, of
// a's, and of a transposed.
TYPED_TEST(MatmulCublasLt, LongRowsThatAreNoPacksAreSplit) {
  for (const Write write : test::kWrites) {
    for (const bool trans_b : {false, true}) {
      const auto products = [&](MatmulArgs args) {
        args.trans_b = trans_b;
        args.write = write;
        args.alpha = 1.5;
        return products_of<TypeParam>(args);
      };
      EXPECT_EQ(products({.m = 3, .n = 1029, .k = 5}), 2);
      EXPECT_EQ(products({.m = 3, .n = 5, .k = 1029}), 2);
      EXPECT_EQ(products({.m = 2, .n = 1029, .k = 1030}), 4);
      EXPECT_EQ(products({.m = 1029, .n = 5, .k = 2, .trans_a = true}), 2);
      EXPECT_EQ(products({.m = 1029, .n = 5, .k = 2}), 1);
      EXPECT_EQ(products({.m = 2, .n = 1029, .k = 3, .batch = 2}), 2);
      EXPECT_EQ(products({.m = 3, .n = 5, .k = 1029, .trans_a = true}), trans_b ? 2 : 1)
          << "no row of either is k long";
      EXPECT_EQ(products({.m = 3, .n = 1032, .k = 1032}), 1);
      EXPECT_EQ(products({.m = 3, .n = 1023, .k = 1023}), 1);
    }
  }
  EXPECT_EQ(products_of<TypeParam>({.m = 3, .n = 1029, .k = 1029, .epilogue = Epilogue::bias}), 2)
      << "a bias is added once";
  if constexpr (std::is_same_v<TypeParam, bf16>) {
    EXPECT_EQ((products_of<bf16, float>({.m = 3, .n = 1029, .k = 5})), 2);
    EXPECT_EQ((products_of<bf16, float>({.m = 1029, .n = 5, .k = 3, .trans_a = true})), 2);
  }
}

TEST(MatmulCublasLtTf32, OnlyForFloat32AndWhereAllowed) {
  const auto products = [](auto tag) {
    const int before = test::cublaslt_tf32_products;
    MatmulProduct<decltype(tag)> product({.m = 9, .n = 5, .k = 3}, {});
    product.expect_as_defined(kWrapper);
    return test::cublaslt_tf32_products - before;
  };
  EXPECT_EQ(products(float{}), 0);
  allow_tf32(true);
  EXPECT_EQ(products(float{}), 1) << "another product than the one before";
  EXPECT_EQ(products(bf16{}), 0);
  allow_tf32(false);
  MatmulProduct<float> other({.m = 9, .n = 5, .k = 4}, {});
  const int before = test::cublaslt_tf32_products;
  other.expect_as_defined(kWrapper);
  EXPECT_EQ(test::cublaslt_tf32_products, before);
}

// Fused where the library can and bf16 hides how, else the bias alone and our own GELU behind it.
// 19 columns are no rows of 16 bytes.
TYPED_TEST(MatmulCublasLt, Gelu) {
  const int before = test::cublaslt_gelu_products;
  for (const bool refuses : {false, true}) {
    test::cublaslt_refuses_gelu = refuses;
    for (const Epilogue epilogue : {Epilogue::bias_gelu_tanh, Epilogue::bias_gelu_erf}) {
      for (const std::int64_t n : {16, 19}) {
        for (const bool pre_activation : {false, true}) {
          // A depth of its own: the wrapper remembers what the library has.
          MatmulProduct<TypeParam> product({.m = 13,
                                            .n = n,
                                            .k = refuses ? 8 : 7,
                                            .trans_b = pre_activation,
                                            .alpha = 1.5,
                                            .epilogue = epilogue},
                                           {.pre_activation = pre_activation});
          product.expect_as_defined(kWrapper);
        }
      }
    }
  }
  test::cublaslt_refuses_gelu = false;
  const int fused = test::cublaslt_gelu_products - before;
  EXPECT_EQ(fused, (std::is_same_v<TypeParam, bf16> ? 3 : 0)) << "the tanh form, where it can be";
}

TEST(MatmulCublasLtErrors, WhatTheLibraryDoesNotHave) {
  std::vector<float> numbers(4);
  MatmulArgs args{.out = numbers.data(),
                  .a = numbers.data(),
                  .b = numbers.data(),
                  .m = 2,
                  .n = 2,
                  .k = 2,
                  .lda = 1,
                  .ldb = 2,
                  .ldc = 2};
  test::expect_error<DeviceError>(
      [&] { kWrapper.run(args); },
      "[matmul] cuBLASLt has no product of f32 with m 2, n 2, k 2, rows 1, 2 and 2 apart.");
  args.dtype = DType::f64;
  EXPECT_THROW(kWrapper.run(args), Error);
}

TEST(MatmulCublasLtErrors, AFailureIsNoMissingProduct) {
  MatmulProduct<float> product({.m = 11, .n = 5, .k = 3}, {});
  test::cublaslt_fails = true;
  test::expect_error<DeviceError>([&] { product.expect_as_defined(kWrapper); },
                                  "[matmul] cuBLASLt, choice of an algorithm: refused.");
  test::cublaslt_fails = false;
  product.expect_as_defined(kWrapper);  // nothing of the failure is kept
}

TYPED_TEST(MatmulCublasLt, Bias) {
  MatmulProduct<TypeParam> product({.m = 9, .n = 5, .k = 3, .batch = 2, .epilogue = Epilogue::bias},
                                   {.gap = 1});
  product.expect_as_defined(kWrapper);
}

}  // namespace
}  // namespace seqpe::kernels
