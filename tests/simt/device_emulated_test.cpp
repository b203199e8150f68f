// Device::cuda as the emulator stands for it.
#include <gtest/gtest.h>

#include <vector>

#include "engine/core/allocator.h"
#include "kernels/common/memory_limit.h"
#include "kernels/cuda/scratch.h"
#include "kernels/device.h"
#include "kernels/simt/device_memory.h"
#include "tests/support/expect_error.h"

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

TEST(DeviceEmulated, ScratchMakesTheAllocatorGiveBackWhatItKeeps) {
  constexpr std::size_t kBlock = std::size_t{4} << 20;
  // When it is first asked for memory, the device takes the machine's limit.
  kernels::free_on_device(kernels::allocate_on_device(1));
  simt::set_device_capacity(kBlock + kBlock / 2);
  const Context context{Device::cuda, kernels::compute_stream()};
  Allocator& cuda = allocator(Device::cuda);
  cuda.deallocate(cuda.allocate(kBlock), kBlock);
  EXPECT_EQ(cuda.stats().reserved, kBlock);
  { const kernels::cuda::DeviceScratch scratch(context, kBlock); }
  EXPECT_EQ(cuda.stats().reserved, 0u);
  test::expect_error_with<OutOfMemoryError>(
      [&] { const kernels::cuda::DeviceScratch refused(context, 2 * kBlock); }, "8388608 bytes");
  simt::set_device_capacity(static_cast<std::size_t>(memory_limit()));
}

TEST(DeviceEmulated, CopiesStayInTheirBlock) {
  const Context context{Device::cuda, kernels::compute_stream()};
  void* const block = kernels::allocate_on_device(16);
  const std::vector<std::byte> bytes(32);
  std::vector<std::byte> out(32);
  const std::string text =
      "32 bytes at place 0 of a block of device memory must end in it, it has 16.";
  test::expect_error_with([&] { kernels::copy_to_device(context, block, bytes.data(), 32); }, text);
  test::expect_error_with([&] { kernels::copy_to_host(context, out.data(), block, 32); }, text);
  test::expect_error_with([&] { kernels::clear_bytes(context, block, 32); }, text);
  void* const larger = kernels::allocate_on_device(32);
  test::expect_error_with([&] { kernels::copy_on_device(context, larger, block, 32); }, text);
  kernels::free_on_device(larger);
  test::expect_error_with([&] { const kernels::Readback copy(context, block, 32); }, text);
  test::expect_error_with([&] { kernels::clear_bytes(context, out.data(), 1); },
                          "is no device memory");
  kernels::free_on_device(block);
}

}  // namespace
}  // namespace seqpe
