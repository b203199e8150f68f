// Compares tensors element by element.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/core/tensor.h"

namespace seqpe::test {

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         (a.numel() == 0 || std::memcmp(a.data(), b.data(), a.bytes()) == 0);
}

/// Equal shape, dtype and bytes.
inline void expect_same(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.dtype(), b.dtype());
  EXPECT_TRUE(same_bits(a, b));
}

/// Equal shape, and every element of `a` within `tolerance` * max(1, largest |b|) of that of `b`.
/// The default is for f64 and two orders of the same few hundred additions.
inline void expect_close(const Tensor& a, const Tensor& b, double tolerance = 1e-12) {
  ASSERT_EQ(a.shape(), b.shape());
  const Tensor ours = a.to(DType::f64), theirs = b.to(DType::f64);
  double largest = 1.0;
  for (const double element : theirs.span<double>()) {
    largest = std::max(largest, std::abs(element));
  }
  for (std::int64_t i = 0; i < ours.numel(); ++i) {
    ASSERT_NEAR(ours.data_as<double>()[i], theirs.data_as<double>()[i], tolerance * largest)
        << "element " << i;
  }
}

template <typename T>
std::vector<T> elements(const Tensor& tensor) {
  const auto values = tensor.span<T>();
  return {values.begin(), values.end()};
}

}  // namespace seqpe::test
