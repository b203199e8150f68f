// What the tests of kernels share: vectors of reproducible numbers, the tolerance of a sum, and
// runs under several numbers of threads.
#pragma once

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/common/context.h"
#include "kernels/common/dtype.h"
#include "kernels/common/philox.h"

namespace seqpe::test {

using Doubles = std::vector<double>;
using Floating = testing::Types<float, double, bf16>;
using Wide = testing::Types<float, double>;

inline const Context kCpu;

template <typename T>
double to_double(T value) {
  if constexpr (std::is_same_v<T, bf16>) {
    return static_cast<double>(static_cast<float>(value));
  } else {
    return static_cast<double>(value);
  }
}

template <typename T>
T from_double(double value) {
  if constexpr (std::is_same_v<T, bf16>) {
    return bf16(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

template <typename T>
Doubles to_double(const std::vector<T>& values) {
  Doubles wide;
  for (const T value : values) wide.push_back(to_double(value));
  return wide;
}

/// Uniform in [low, high), rounded to T.
template <typename T>
std::vector<T> random_vector(std::int64_t count, std::uint64_t seed, double low = -1.0,
                             double high = 1.0) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double unit = philox_word({.seed = seed, .stream = 7, .step = 0}, i) / 4294967296.0;
    values[i] = from_double<T>(low + (high - low) * unit);
  }
  return values;
}

/// A vector's elements for a kernel on the CPU; read() gives them back. tests/cuda/device_array.h
/// has the same for a device.
template <typename T>
class HostArray {
 public:
  explicit HostArray(std::vector<T> values) : values_(std::move(values)) {}
  T* data() const { return const_cast<T*>(values_.data()); }
  const std::vector<T>& read() const { return values_; }

 private:
  std::vector<T> values_;
};

/// An output that must be overwritten: whoever reads it gets NaN.
template <typename T>
std::vector<T> poisoned(std::int64_t count) {
  return std::vector<T>(static_cast<std::size_t>(count),
                        from_double<T>(std::numeric_limits<double>::quiet_NaN()));
}

/// The output before a kernel writes it: NaN where it overwrites, numbers where it adds.
template <typename T>
std::vector<T> before(Write write, std::int64_t count, std::uint64_t seed = 99) {
  return write == Write::overwrite ? poisoned<T>(count) : random_vector<T>(count, seed);
}

/// Half the distance from 1 to the next number.
template <typename T>
inline constexpr double kUnitRoundoff = std::numeric_limits<T>::epsilon() / 2;
template <>
inline constexpr double kUnitRoundoff<bf16> = 0x1p-8;

/// What a result may be off: it came from a sum in Acc<T> of `terms` terms, and was rounded to T
/// `roundings` times on its way. Rounding errors have independent signs, so they grow with the root
/// of the number of terms (Higham and Mary, 2019); the constant covers the few operations around
/// the sum and the polynomials of vector_math.h, each good to a few units. `magnitude` is the
/// largest result.
template <typename T>
double tolerance(double terms, double magnitude = 1.0, double roundings = 1.0) {
  return (roundings * kUnitRoundoff<T> +
          8 * std::sqrt(terms + 1) * kUnitRoundoff<Acc<T>>)*magnitude;
}

/// The largest finite absolute value, at least 1.
inline double largest(const Doubles& values) {
  double result = 1.0;
  for (const double value : values) {
    if (std::isfinite(value)) result = std::max(result, std::abs(value));
  }
  return result;
}

/// Elements of `actual` against `expected`. Infinities must be equal; a NaN that is expected marks
/// an element that must have kept its poison, any other NaN is an error.
template <typename T>
void expect_close(const std::vector<T>& actual, const Doubles& expected, double allowed,
                  const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double value = to_double(actual[i]);
    if (value == expected[i] || std::abs(value - expected[i]) <= allowed) continue;
    if (std::isnan(value) && std::isnan(expected[i])) continue;
    FAIL() << what << "[" << i << "] is " << value << ", expected " << expected[i] << " to within "
           << allowed;
  }
}

using Bytes = std::vector<std::byte>;

/// The bits of some vectors, one after the other.
template <typename... T>
Bytes bits_of(const std::vector<T>&... values) {
  Bytes bits;
  const auto append = [&](const auto& vector) {
    const auto* first = reinterpret_cast<const std::byte*>(vector.data());
    bits.insert(bits.end(), first, first + vector.size() * sizeof(vector[0]));
  };
  (append(values), ...);
  return bits;
}

/// `run` returns the bits of all its outputs; they must be the same for 1, 2 and 4 threads.
template <typename F>
void expect_same_bits_for_any_threads(const F& run) {
  const int usual = omp_get_max_threads();
  omp_set_num_threads(1);
  const Bytes alone = run();
  for (const int threads : {2, 4}) {
    omp_set_num_threads(threads);
    EXPECT_TRUE(run() == alone) << threads << " threads change the bits";
  }
  omp_set_num_threads(usual);
}

inline constexpr Write kWrites[] = {Write::overwrite, Write::accumulate};

}  // namespace seqpe::test
