#include "kernels/common/dtype.h"

#include <gtest/gtest.h>

namespace seqpe {
namespace {

TEST(Dtype, DispatchGivesTheTypeOfTheDtype) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    int calls = 0;
    dispatch_floating("op", dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      EXPECT_EQ(dtype_of<T>, dtype);
      EXPECT_EQ(sizeof(T), size_of(dtype));
      ++calls;
    });
    EXPECT_EQ(calls, 1) << name_of(dtype);
  }
}

TEST(Dtype, DispatchNamesTheOpAndWhatCame) {
  for (const DType dtype : {DType::i32, DType::i64, DType::u8}) {
    try {
      dispatch_floating("layer_norm", dtype, [](auto) { FAIL(); });
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), fmt::format("[layer_norm] dtype must be f32, f64 or bf16, got {}.",
                                          name_of(dtype)));
    }
  }
}

TEST(Dtype, SumsOfHalfPrecisionRunInFloat) {
  EXPECT_TRUE((std::is_same_v<Acc<bf16>, float>));
  EXPECT_TRUE((std::is_same_v<Acc<float>, float>));
  EXPECT_TRUE((std::is_same_v<Acc<double>, double>));
}

}  // namespace
}  // namespace seqpe
