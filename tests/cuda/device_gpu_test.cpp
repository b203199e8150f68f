// The copies, feeds and recordings of kernels/cuda/*_gpu.cpp, on a run time that delays every one
// of them (fake_cudart.h).
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/cuda/scratch.h"
#include "kernels/device.h"
#include "kernels/feed.h"
#include "kernels/moment.h"
#include "kernels/recording.h"
#include "tests/cuda/fake_cudart.h"
#include "tests/support/expect_error.h"

namespace seqpe::kernels {
namespace {

const Context kCuda{Device::cuda, compute_stream()};

class DeviceGpu : public testing::Test {
 protected:
  DeviceGpu() : device_(static_cast<int*>(allocate_on_device(kBytes))) {
    test::work_off();
    waits_ = test::stream_waits();
  }
  ~DeviceGpu() override {
    test::work_off();
    free_on_device(device_);
  }
  void upload(int value, std::size_t place) const {
    copy_to_device(kCuda, device_ + place, &value, sizeof(value));
  }
  std::vector<int> download(std::size_t count) const {
    std::vector<int> values(count);
    copy_to_host(kCuda, values.data(), device_, count * sizeof(int));
    return values;
  }

  static constexpr std::size_t kBytes = std::size_t{16} << 20;
  int* device_;
  int waits_;
};

TEST_F(DeviceGpu, TheHostMayChangeWhatItSentAtOnce) {
  int value = 0;
  for (std::size_t place = 0; place < 4; ++place) {
    value = static_cast<int>(place) + 1;
    copy_to_device(kCuda, device_ + place, &value, sizeof(value));
    value = -1;
  }
  EXPECT_EQ(test::stream_waits(), waits_) << "and nobody waited";
  EXPECT_EQ(download(4), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(test::stream_waits(), waits_ + 1);
}

TEST_F(DeviceGpu, AMomentComesInTheOrderOfItsStream) {
  const Moment begin(kCuda);
  for (std::size_t place = 0; place < 3; ++place) upload(1, place);
  const Moment end(kCuda);
  EXPECT_GT(test::tasks_left(kCuda.stream), 3u) << "nothing was done, nobody waited";
  EXPECT_GE(end.seconds_since(begin), 3e-3);
  EXPECT_EQ(test::tasks_left(kCuda.stream), 0u);
  const Moment host(Context{});
  EXPECT_LT(Moment(Context{}).seconds_since(host), 1) << "by the host's clock";
}

TEST_F(DeviceGpu, MemoryOfCopiesServesAgain) {
  for (std::size_t n = 0; n < 4; ++n) upload(1, n);
  test::work_off();
  const int blocks = test::page_locked_blocks();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t n = 0; n < 4; ++n) upload(round, n);
    test::work_off();
  }
  EXPECT_EQ(test::page_locked_blocks(), blocks);
  EXPECT_EQ(download(4), std::vector<int>(4, 2));
}

TEST_F(DeviceGpu, LargeCopiesWaitAndKeepNoMemory) {
  std::vector<int> values(kBytes / sizeof(int));
  std::iota(values.begin(), values.end(), 0);
  const int blocks = test::page_locked_blocks();
  copy_to_device(kCuda, device_, values.data(), kBytes);
  EXPECT_EQ(test::page_locked_blocks(), blocks);
  EXPECT_EQ(test::tasks_left(kCuda.stream), 0u);
  EXPECT_EQ(download(values.size()), values);
}

TEST_F(DeviceGpu, AReadbackHoldsWhatWasThereAndWaitsForNoMore) {
  upload(5, 0);
  Readback first(kCuda, device_, sizeof(int));
  upload(6, 0);
  const Readback second(kCuda, device_, sizeof(int));
  EXPECT_EQ(*static_cast<const int*>(first.wait()), 5);
  EXPECT_GT(test::tasks_left(kCuda.stream), 0u) << "the device has not come further";
  Readback moved = std::move(first);
  upload(7, 0);
  EXPECT_EQ(*static_cast<const int*>(second.wait()), 6);
  EXPECT_EQ(*static_cast<const int*>(moved.wait()), 5) << "held as long as it lives";
  EXPECT_EQ(test::stream_waits(), waits_);
}

TEST_F(DeviceGpu, CopiesOnTheDeviceKeepTheOrder) {
  upload(1, 0);
  copy_on_device(kCuda, device_ + 1, device_, sizeof(int));
  clear_bytes(kCuda, device_, sizeof(int));
  EXPECT_EQ(test::stream_waits(), waits_);
  EXPECT_EQ(download(2), (std::vector<int>{0, 1}));
}

TEST_F(DeviceGpu, OneStreamComesAfterWhatWasAskedOfAnother) {
  const Context communication{Device::cuda, communication_stream()};
  ASSERT_NE(communication.stream, kCuda.stream);
  upload(1, 0);
  order_after(communication.stream, kCuda.stream);
  copy_on_device(communication, device_ + 1, device_, sizeof(int));
  order_after(kCuda.stream, communication.stream);
  copy_on_device(kCuda, device_ + 2, device_ + 1, sizeof(int));
  test::work_off_only(communication.stream);
  EXPECT_GT(test::tasks_left(communication.stream), 0u) << "it waits for the upload";
  test::work_off_all_but(communication.stream);
  EXPECT_GT(test::tasks_left(kCuda.stream), 0u) << "the last copy waits for the other stream";
  test::work_off();
  EXPECT_EQ(download(3), std::vector<int>(3, 1));
  EXPECT_EQ(test::stream_waits(), waits_ + 1) << "the download's; the host waited for nothing else";
}

TEST_F(DeviceGpu, FedBytesTravelWhileTheDeviceIsBusyAndLandInOrder) {
  Feed feed(kCuda, sizeof(int));
  std::vector<Readback> seen;
  for (int value = 1; value <= 5; ++value) {
    int sent = value;
    feed.send(device_, &sent);
    sent = -1;
    seen.emplace_back(kCuda, device_, sizeof(int));
    // The copy stream may go as far ahead as it dares.
    test::work_off_all_but(kCuda.stream);
  }
  EXPECT_EQ(test::stream_waits(), waits_);
  for (int value = 1; value <= 5; ++value)
    EXPECT_EQ(*static_cast<const int*>(seen[static_cast<std::size_t>(value) - 1].wait()), value);
}

TEST_F(DeviceGpu, FedBytesThatTravelSlowlyAreWaitedFor) {
  Feed feed(kCuda, sizeof(int));
  std::vector<Readback> seen;
  for (int value = 1; value <= 5; ++value) {
    const int sent = value;
    feed.send(device_, &sent);
    seen.emplace_back(kCuda, device_, sizeof(int));
    test::work_off_only(kCuda.stream);
  }
  test::work_off();
  for (int value = 1; value <= 5; ++value)
    EXPECT_EQ(*static_cast<const int*>(seen[static_cast<std::size_t>(value) - 1].wait()), value);
}

TEST_F(DeviceGpu, PageLockedBytesAreKeptWhileTheyTravel) {
  Feed feed(kCuda, sizeof(int));
  for (int place = 0; place < 2; ++place) {
    const int sent = place + 1;
    feed.send(device_ + place, &sent);
  }
  EXPECT_EQ(download(2), (std::vector<int>{1, 2}));
}

TEST_F(DeviceGpu, ScratchServesTheNextLaunchAndRecordedWork) {
  void* first = nullptr;
  {
    const cuda::DeviceScratch scratch(kCuda, 1000), other(kCuda, 1000);
    first = scratch.as<void>();
    EXPECT_NE(other.as<void>(), first);
  }
  const std::size_t bytes = scratch_on_device();
  upload(7, 0);
  {
    const Recording recording(kCuda, [&] {
      const cuda::DeviceScratch scratch(kCuda, 1000), larger(kCuda, 100 << 10);
      copy_on_device(kCuda, larger.as<void>(), device_, sizeof(int));
      copy_on_device(kCuda, device_ + 1, larger.as<void>(), sizeof(int));
    });
    EXPECT_GT(scratch_on_device(), bytes) << "the larger one is new, capture or not";
    release_scratch_on_device();
    EXPECT_GT(scratch_on_device(), bytes) << "recorded work holds the address";
    recording.play();
    EXPECT_EQ(download(2), (std::vector<int>{7, 7}));
  }
  release_scratch_on_device();
  EXPECT_EQ(scratch_on_device(), 0u);
}

TEST_F(DeviceGpu, ScratchAsksOthersToGiveWayBeforeItIsRefused) {
  release_scratch_on_device();
  test::fill_memory(true);
  on_memory_shortage_on_device([] { test::fill_memory(false); });
  EXPECT_NE(cuda::DeviceScratch(kCuda, 1000).as<void>(), nullptr);
  test::fill_memory(true);
  on_memory_shortage_on_device([] {});
  test::expect_error_with<OutOfMemoryError>(
      [] { const cuda::DeviceScratch refused(kCuda, 1 << 20); },
      "asked 1048576 bytes for scratch of a kernel, 0.0 GB of 80.0 GB are free. Hint: ");
  test::fill_memory(false);
  on_memory_shortage_on_device(nullptr);
}

TEST_F(DeviceGpu, MemoryForInputsAsksOthersToGiveWayToo) {
  test::fill_memory(true);
  on_memory_shortage_on_device([] { test::fill_memory(false); });
  { const Feed feed(kCuda, sizeof(int)); }
  test::fill_memory(true);
  on_memory_shortage_on_device(nullptr);
  test::expect_error_with<OutOfMemoryError>([] { Feed(kCuda, 5); },
                                            "asked 5 bytes for inputs from the host");
  test::fill_memory(false);
}

TEST_F(DeviceGpu, ARecordingIsPlayedInTheStreamsOrder) {
  upload(1, 0);
  upload(0, 1);
  const Recording recording(kCuda, [&] {
    copy_on_device(kCuda, device_ + 1, device_, sizeof(int));
    clear_bytes(kCuda, device_ + 2, sizeof(int));
  });
  upload(9, 2);
  EXPECT_EQ(download(3), (std::vector<int>{1, 0, 9})) << "recorded, not done";
  for (const int value : {5, 6}) {
    upload(value, 0);
    upload(value, 2);
    recording.play();
    upload(-1, 0);
    EXPECT_EQ(download(3), (std::vector<int>{-1, value, 0}));
  }
}

TEST_F(DeviceGpu, WhatBreaksARecordingLeavesNone) {
  const auto expect_as_before = [&] {
    EXPECT_FALSE(is_recording());
    EXPECT_EQ(recordings(), 0);
    EXPECT_EQ(test::live_graphs(), 0);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "told, and not left for the next launch";
    upload(3, 0);
    EXPECT_EQ(download(1), std::vector<int>{3});
  };
  EXPECT_THROW(Recording(kCuda, [&] { upload(1, 0); }), Error) << "a copy from the host";
  expect_as_before();
  EXPECT_THROW(Recording(kCuda, [] { throw DeviceError("broken"); }), DeviceError);
  expect_as_before();
  test::break_captures(true);
  EXPECT_THROW(Recording(kCuda, [] {}), DeviceError);
  test::break_captures(false);
  expect_as_before();
}

TEST(CudaMachine, AProcessTakesTheGpuOfItsNumber) {
  test::set_machine({.gpus = 2});
  EXPECT_NO_THROW(choose_device(1));
  test::expect_error<DeviceError>(
      [] { choose_device(2); },
      "[cuda] this process is number 2 of its host and needs a GPU of its own, 2 are seen. Hint: "
      "fewer processes a host, or CUDA_VISIBLE_DEVICES unset.");
  test::set_machine({.gpus = 1});
  EXPECT_NO_THROW(choose_device(3)) << "each process sees one of its own";
  test::set_machine({});
}

TEST(CudaMachine, TellsEachGpu) {
  test::set_machine({.gpus = 2});
  using Facts = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(
      cuda_facts(),
      (Facts{
          {"CUDA run time", "13.0"},
          {"GPU 0", "Large, compute capability 9.0, 80.0 GB, 132 multiprocessors, PCI 0000:0a:00"},
          {"GPU 1",
           "Small, compute capability 9.1, 40.0 GB, 132 multiprocessors, PCI 0000:0b:00"}}));
  test::set_machine({});
}

TEST(CudaMachine, TellsWhyThereIsNoGpu) {
  const auto why = [](const test::Machine& machine) {
    test::set_machine(machine);
    std::string told = why_no_cuda();
    EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "not left for the next launch";
    return told;
  };
  EXPECT_EQ(why({.driver = 0, .gpus = 0}),
            "no NVIDIA driver on this machine (libcuda.so.1 is missing): install it");
  EXPECT_EQ(why({.driver = 12040}),
            "the NVIDIA driver is for CUDA up to 12.4, this build needs 13.0: install a newer "
            "driver");
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_EQ(why({.gpus = 0}), "the NVIDIA driver sees no GPU: see what nvidia-smi tells");
  ::setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
  EXPECT_EQ(why({.gpus = 0}), "CUDA_VISIBLE_DEVICES '-1' shows no GPU: unset it");
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  test::set_machine({});
}

}  // namespace
}  // namespace seqpe::kernels
