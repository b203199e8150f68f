#include "engine/core/readback.h"

#include <gtest/gtest.h>

namespace seqpe {
namespace {

void expect_reads_back(Device device) {
  const Tensor a = Tensor::full({1}, 2.5, DType::f64, device),
               b = Tensor::from<double>({3}, {1, -2, 3}).to(device);
  const Readback readback({a, b, a});
  a.fill(7.0);
  b.fill(7.0);
  for (int time = 0; time < 2; ++time)
    EXPECT_EQ(readback.wait(), (std::vector<double>{2.5, 1, -2, 3, 2.5}));
}

TEST(Readback, HoldsTheNumbersAsTheyWere) {
  expect_reads_back(Device::cpu);
  if (kernels::cuda_device() != kernels::CudaDevice::none) expect_reads_back(Device::cuda);
}

}  // namespace
}  // namespace seqpe
