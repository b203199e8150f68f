#include "engine/core/allocator.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/core/tensor.h"
#include "kernels/common/scratch.h"
#include "kernels/device.h"
#include "tests/support/expect_error.h"

namespace seqpe {
namespace {

class AllocatorTest : public testing::Test {
 protected:
  AllocatorTest() { release(); }
  /// Without waiting blocks, and with the present as the peak.
  void release() {
    memory_.release_cached();
    memory_.reset_peak();
    before_ = memory_.stats();
  }
  std::size_t current() const { return memory_.stats().current - before_.current; }
  std::size_t peak() const { return memory_.stats().peak - before_.current; }
  std::size_t reserved() const { return memory_.stats().reserved - before_.reserved; }

  Allocator& memory_ = allocator(Device::cpu);
  MemoryStats before_;
};

TEST_F(AllocatorTest, CountsExactlyTheBytesAskedFor) {
  {
    const Tensor a = Tensor::empty({3, 5}, DType::f32);
    EXPECT_EQ(current(), 60u);
    const Tensor b = Tensor::empty({7}, DType::u8), view = b.view({7, 1}), rows = a.rows(1, 2);
    EXPECT_EQ(current(), 67u) << "views cost nothing";
    const Tensor nothing = Tensor::empty({0, 4}, DType::f64);
    EXPECT_EQ(current(), 67u);
  }
  EXPECT_EQ(current(), 0u);
  EXPECT_EQ(peak(), 67u);
}

TEST_F(AllocatorTest, PeakIsTheLargestSumOfLiveBlocks) {
  void* a = memory_.allocate(1000);
  void* b = memory_.allocate(500);
  memory_.deallocate(a, 1000);
  void* c = memory_.allocate(200);
  EXPECT_EQ(current(), 700u);
  EXPECT_EQ(peak(), 1500u);
  memory_.reset_peak();
  EXPECT_EQ(peak(), 700u);
  memory_.deallocate(b, 500);
  memory_.deallocate(c, 200);
  EXPECT_EQ(current(), 0u);
  EXPECT_EQ(peak(), 700u);
}

TEST_F(AllocatorTest, BlocksAreAligned) {
  for (const std::size_t bytes : {0u, 1u, 63u, 64u, 65u, 1u << 20, (1u << 20) + 1}) {
    void* block = memory_.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0u) << bytes;
    memory_.deallocate(block, bytes);
  }
}

TEST_F(AllocatorTest, FreedBlocksServeRequestsOfAboutTheirSize) {
  struct Case {
    std::size_t freed, asked;
    bool reused;
  };
  // A waiting block may be an eighth larger than the request, after rounding to 64 bytes (to 64 KiB
  // from 1 MiB on).
  for (const Case& c : {Case{1000, 1000, true}, Case{1000, 980, true}, Case{1000, 1025, false},
                        Case{1152, 1024, true}, Case{1153, 1024, false}, Case{1 << 19, 100, false},
                        Case{(3 << 20) + 1, 3 << 20, true}, Case{4 << 20, 3 << 20, false}}) {
    SCOPED_TRACE(fmt::format("freed {}, asked {}", c.freed, c.asked));
    release();
    memory_.deallocate(memory_.allocate(c.freed), c.freed);
    const std::size_t held = reserved();
    void* block = memory_.allocate(c.asked);
    EXPECT_EQ(reserved() == held, c.reused);
    memory_.deallocate(block, c.asked);
  }
}

TEST_F(AllocatorTest, ASecondStepAsksTheSystemForNothing) {
  const std::vector<std::size_t> sizes{64, 5000, 5000, 123456, 2 << 20};
  std::size_t held = 0;
  for (int step = 0; step < 2; ++step) {
    std::vector<void*> blocks;
    for (const std::size_t bytes : sizes) blocks.push_back(memory_.allocate(bytes));
    for (std::size_t i = 0; i < sizes.size(); ++i) memory_.deallocate(blocks[i], sizes[i]);
    if (step == 0) held = reserved();
    EXPECT_EQ(reserved(), held);
  }
}

TEST_F(AllocatorTest, ReleaseCachedKeepsLiveBlocks) {
  auto* live = static_cast<unsigned char*>(memory_.allocate(256));
  live[255] = 17;
  memory_.deallocate(memory_.allocate(512), 512);
  EXPECT_EQ(reserved(), 768u);
  memory_.release_cached();
  EXPECT_EQ(reserved(), 256u);
  EXPECT_EQ(live[255], 17);
  memory_.deallocate(live, 256);
  memory_.release_cached();
  EXPECT_EQ(reserved(), 0u);
}

TEST_F(AllocatorTest, ScratchOfKernelsIsCountedAndReleased) {
  { const kernels::Scratch scratch(8192); }
  EXPECT_EQ(reserved(), 8192u);
  EXPECT_EQ(current(), 0u) << "it is no tensor";
  memory_.release_cached();
  EXPECT_EQ(reserved(), 0u);
}

TEST_F(AllocatorTest, RequestsThatCannotBeMetAreRefused) {
  std::vector<std::size_t> sizes{std::numeric_limits<std::size_t>::max(),
                                 std::numeric_limits<std::size_t>::max() - 100};
#ifndef __SANITIZE_ADDRESS__  // whose aligned_alloc ends the process instead of returning null
  sizes.push_back(std::size_t{1} << 60);
#endif
  for (const std::size_t bytes : sizes) {
    test::expect_error<DeviceError>(
        [&] { memory_.allocate(bytes); },
        fmt::format(
            "[cpu] out of memory; asked {} bytes, {} bytes are in live tensors, {} are held. Hint: "
            "smaller micro-batches (train.micro_batch_size) or shorter sequences.",
            bytes, before_.current, before_.reserved));
    EXPECT_EQ(current(), 0u);
    EXPECT_EQ(peak(), 0u);
    EXPECT_EQ(reserved(), 0u);
  }
}

TEST_F(AllocatorTest, ADeviceThatIsNotThereIsRefused) {
  if (kernels::cuda_device() != kernels::CudaDevice::none)
    GTEST_SKIP() << "this build has a device cuda";
  test::expect_error<DeviceError>([] { allocator(Device::cuda); },
                                  "[allocator] this build has no device cuda.");
}

}  // namespace
}  // namespace seqpe
