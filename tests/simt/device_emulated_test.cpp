// Device::cuda as the emulator stands for it.
#include <gtest/gtest.h>

#include "kernels/common/memory_limit.h"
#include "kernels/device.h"

namespace seqpe {
namespace {

TEST(DeviceEmulated, HasTheMachinesMemory) {
  const auto limit = static_cast<std::size_t>(memory_limit());
  constexpr std::size_t kHeld = 1 << 20;
  EXPECT_EQ(kernels::allocate_on_device(limit + 1), nullptr);
  void* const block = kernels::allocate_on_device(kHeld);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(kernels::allocate_on_device(limit - kHeld / 2), nullptr) << "all blocks together";
  kernels::free_on_device(block);
  EXPECT_EQ(kernels::allocate_on_device(~std::size_t{0}), nullptr);
}

}  // namespace
}  // namespace seqpe
