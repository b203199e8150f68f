#include "kernels/common/cuda_version.h"

#include <gtest/gtest.h>

namespace seqpe::kernels {
namespace {

TEST(CudaVersion, ThousandsAndTens) {
  EXPECT_EQ(cuda_version_text(13000), "13.0");
  EXPECT_EQ(cuda_version_text(12040), "12.4");
  EXPECT_EQ(cuda_version_text(12121), "12.12") << "units are a patch";
}

}  // namespace
}  // namespace seqpe::kernels
