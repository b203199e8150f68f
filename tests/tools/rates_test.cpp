#include "tools/seqpe_engine/rates.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/device.h"

namespace seqpe::tools {
namespace {

TEST(Rates, CountOperationsAndBytes) {
  EXPECT_EQ(gemm_rate_text(1000, 0.5), "4 GFLOP/s");
  EXPECT_EQ(copy_rate_text(1'000'000'000, 0.5), "4.0 GB/s read and written");
}

TEST(Rates, AreMeasuredOnEachDevice) {
  std::vector<Device> devices{Device::cpu};
  if (kernels::cuda_device() != kernels::CudaDevice::none) devices.push_back(Device::cuda);
  for (const Device device : devices) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const std::string rate = gemm_rate(device, dtype, 48);
      EXPECT_NE(rate.find(" GFLOP/s"), std::string::npos) << rate;
    }
    const std::string rate = copy_rate(device, 1 << 20);
    EXPECT_NE(rate.find(" GB/s read and written"), std::string::npos) << rate;
  }
}

}  // namespace
}  // namespace seqpe::tools
