// Vectors on the device cuda, and how good its results must be.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/device.h"
#include "tests/cuda/schedules.h"
#include "tests/support/kernel_test.h"

namespace seqpe::test {

/// The stream that the engine's own work goes to. Made when first asked for: a machine may have no
/// GPU.
inline const Context& on_cuda() {
  static const Context context = kernels::device_context();
  return context;
}

/// What device kernels compute in; f64 is for checks on the CPU.
using DeviceTypes = testing::Types<float, bf16>;

/// A vector's elements on the device; read() brings them back.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values)
      : count_(values.size()),
        data_(static_cast<T*>(kernels::allocate_on_device(count_ * sizeof(T)))) {
    kernels::copy_to_device(on_cuda(), data_, values.data(), count_ * sizeof(T));
  }
  ~DeviceArray() { kernels::free_on_device(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    kernels::copy_to_host(on_cuda(), values.data(), data_, count_ * sizeof(T));
    return values;
  }

 private:
  std::size_t count_;
  T* data_;
};

template <typename U, typename T>
std::vector<U> as(const std::vector<T>& values) {
  std::vector<U> converted;
  for (const T value : values) converted.push_back(from_double<U>(to_double(value)));
  return converted;
}

/// The device's result may err at most twice as much as the CPU's in the same dtype, both measured
/// against float64, plus a few roundings of float32: the orders of summation differ.
template <typename T>
void expect_as_good(const std::vector<T>& device, const std::vector<T>& cpu,
                    const std::vector<double>& exact, const char* what, double roundings = 4) {
  ASSERT_EQ(device.size(), exact.size()) << what;
  double device_error = 0, cpu_error = 0, largest = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    ASSERT_TRUE(std::isfinite(to_double(device[i]))) << what << "[" << i << "]";
    device_error = std::max(device_error, std::abs(to_double(device[i]) - exact[i]));
    cpu_error = std::max(cpu_error, std::abs(to_double(cpu[i]) - exact[i]));
    largest = std::max(largest, std::abs(exact[i]));
  }
  EXPECT_LE(device_error, 2 * cpu_error + roundings * kUnitRoundoff<float> * largest) << what;
}

}  // namespace seqpe::test
