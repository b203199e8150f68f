// The device tests on a GPU. Without one they are skipped as a whole, and say what runs them
// instead.
#include <gtest/gtest.h>

#include <cstdio>

#include "kernels/device.h"
#include "tests/cuda/schedules.h"

namespace seqpe::test {

void under_every_schedule(const std::function<void()>& test) {
  test();
}

}  // namespace seqpe::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (seqpe::kernels::cuda_device() == seqpe::kernels::CudaDevice::none) {
    std::printf("SKIPPED: %s. The preset `emulated` runs these tests without one.\n",
                seqpe::kernels::why_no_cuda().c_str());
    return 77;
  }
  return RUN_ALL_TESTS();
}
