#include "kernels/recording.h"

#include <gtest/gtest.h>

#include "engine/core/allocator.h"
#include "engine/ops/elementwise.h"
#include "kernels/device.h"
#include "kernels/feed.h"
#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"

namespace seqpe {
namespace {

using kernels::Recording;

Tensor on_device(const std::vector<float>& values) {
  return Tensor::from({static_cast<std::int64_t>(values.size())}, values).to(Device::cuda);
}

std::vector<float> values_of(const Tensor& tensor) {
  return test::elements<float>(tensor.to(Device::cpu));
}

TEST(Recording, EachPlayReadsWhatIsThereThen) {
  const Tensor x = on_device({1, 2, 3}), out = on_device({0, 0, 0}), copied = on_device({0, 0, 0});
  const Recording recording(x.context(), [&] {
    // Every way to give the stream work: a kernel, a copy, a clearing; a tensor in between.
    const Tensor twice = ops::scale(x, 2.0);
    out.copy_from(ops::add(twice, x));
    copied.clear();
    copied.rows(0, 1).copy_from(x.rows(2, 3));
  });
  EXPECT_EQ(values_of(out), (std::vector<float>{0, 0, 0})) << "recorded, not done";
  recording.play();
  EXPECT_EQ(values_of(out), (std::vector<float>{3, 6, 9}));
  EXPECT_EQ(values_of(copied), (std::vector<float>{3, 0, 0}));
  x.copy_from(Tensor::from<float>({3}, {10, -1, 0}));
  copied.fill(7);
  recording.play();
  recording.play();
  EXPECT_EQ(values_of(out), (std::vector<float>{30, -3, 0}));
  EXPECT_EQ(values_of(copied), (std::vector<float>{0, 0, 0}));
}

TEST(Recording, CopiesFromAndToTheHostAreRefused) {
  const Tensor x = on_device({1, 2});
  const auto recorded = [&](const std::function<void()>& work) {
    return [&x, work] { Recording(x.context(), work); };
  };
  const std::string rest =
      " cannot be recorded: host and device meet there. Hint: give the recorded step its inputs in "
      "device memory.";
  test::expect_error(recorded([&] { x.copy_from(Tensor::zeros({2})); }),
                     "[recording] a copy from the host" + rest);
  test::expect_error(recorded([&] { x.rows(0, 1).item(); }),
                     "[recording] a copy to the host" + rest);
  test::expect_error(recorded([&] { kernels::Readback(x.context(), x.data(), 4); }),
                     "[recording] a copy to the host" + rest);
  test::expect_error(recorded([&] { Recording(x.context(), [] {}); }),
                     "[recording] a recording" + rest);
  EXPECT_FALSE(kernels::is_recording()) << "an error ends it";
  EXPECT_EQ(values_of(ops::scale(x, 3.0)), (std::vector<float>{3, 6}));
}

TEST(Recording, ItsMemoryServesNobodyElseWhileItLives) {
  Allocator& memory = allocator(Device::cuda);
  constexpr std::int64_t kCount = 1 << 20;
  const Tensor x = Tensor::full({kCount}, 3.0, DType::f32, Device::cuda),
               out = Tensor::zeros({1}, DType::f32, Device::cuda);
  memory.release_cached();
  const std::size_t before = memory.stats().reserved;
  {
    const Recording recording(x.context(), [&] {
      const Tensor twice = ops::scale(x, 2.0);
      out.copy_from(twice.rows(kCount - 1, kCount));
    });
    memory.release_cached();
    EXPECT_GE(memory.stats().reserved, before + kCount * sizeof(float)) << "kept though it waits";
    // Of the same size as the recording's own, which it would be given.
    const Tensor other = Tensor::full({kCount}, 5.0, DType::f32, Device::cuda);
    recording.play();
    EXPECT_EQ(values_of(out), (std::vector<float>{6}));
    EXPECT_EQ(values_of(other.rows(kCount - 1, kCount)), (std::vector<float>{5}));
    // Another recording takes it: the stream plays one after the other.
    const std::size_t reserved = memory.stats().reserved;
    const Recording second(x.context(), [&] { out.copy_from(ops::scale(x, 4.0).rows(0, 1)); });
    EXPECT_LT(memory.stats().reserved, reserved + kCount);
    for (int round = 0; round < 2; ++round) {
      second.play();
      EXPECT_EQ(values_of(out), (std::vector<float>{12}));
      recording.play();
      EXPECT_EQ(values_of(out), (std::vector<float>{6}));
    }
  }
  memory.release_cached();
  EXPECT_EQ(memory.stats().reserved, before);
  EXPECT_EQ(kernels::recordings(), 0);
}

TEST(Feed, FillsTheSameMemoryAgainAndAgain) {
  const Tensor to = on_device({0, 0});
  kernels::Feed feed(to.context(), to.bytes());
  for (const float value : {1.0f, 2.0f, 3.0f}) {
    std::vector<float> from{value, -value};
    feed.send(to.data(), from.data());
    from = {99, 99};
    EXPECT_EQ(values_of(to), (std::vector<float>{value, -value}));
  }
  test::expect_error(
      [&] { Recording(to.context(), [&] { feed.send(to.data(), to.data()); }); },
      "[recording] a copy from the host cannot be recorded: host and device meet there. Hint: give "
      "the recorded step its inputs in device memory.");
}

}  // namespace
}  // namespace seqpe
