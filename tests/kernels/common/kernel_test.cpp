#include "kernels/common/kernel.h"
#include "kernels/device.h"

#include <gtest/gtest.h>

#include "kernels/common/error.h"
#include "kernels/elementwise.h"

namespace seqpe::kernels {
namespace {

TEST(KernelSwitch, ABuildWithoutCudaSaysSo) {
  if (cuda_device() != CudaDevice::none) GTEST_SKIP() << "this build has CUDA kernels";
  try {
    add({.device = Device::cuda}, {});
    FAIL() << "no error";
  } catch (const DeviceError& error) {
    EXPECT_STREQ(error.what(),
                 "[add] device cuda was asked for, but this build has no CUDA kernels. Hint: use "
                 "device cpu.");
  }
}

}  // namespace
}  // namespace seqpe::kernels
