#include "kernels/device_counter.h"

#include <gtest/gtest.h>

#include "engine/core/tensor.h"
#include "kernels/device.h"
#include "kernels/recording.h"

namespace seqpe::kernels {
namespace {

TEST(DeviceCounter, CountsWhatTheStreamPassed) {
  DeviceCounter counter;
  const Context context = device_context();
  const auto passed = [&] {
    Tensor::zeros({1}, DType::f32, Device::cuda).to(Device::cpu);  // waits for the stream
    return counter.value();
  };
  EXPECT_EQ(passed(), 0u);
  counter.raise(context);
  counter.raise(context);
  EXPECT_EQ(passed(), 2u);
  const Recording recording(context, [&] { counter.raise(context); });
  EXPECT_EQ(passed(), 2u) << "recorded, not done";
  for (int play = 0; play < 3; ++play) recording.play();
  EXPECT_EQ(passed(), 5u);
}

}  // namespace
}  // namespace seqpe::kernels
