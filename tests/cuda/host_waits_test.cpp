// A training step is told to the device as a whole: the host waits for it when it asks for the
// loss, not before.
#include <gtest/gtest.h>

#include "engine/train/updater.h"
#include "kernels/common/profile.h"
#include "kernels/device.h"
#include "models/tasks/lm_task.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe {
namespace {

std::int64_t calls(const std::vector<kernels::KernelTime>& times, std::string_view name) {
  for (const auto& time : times) {
    if (time.name == name) return time.calls;
  }
  return 0;
}

void expect_no_wait_in_a_step(const std::vector<std::string>& settings) {
  const auto model = test::tiny_language_model(settings, DType::f32);
  model.move_to(Device::cuda);
  models::LmTask task(model);
  train::Updater updater(task, model.config().train);
  // Told kernel by kernel, recorded, played.
  for (std::int64_t step = 0; step < 3; ++step) {
    kernels::start_profile();
    const train::PendingUpdate pending = updater.start(step);
    const auto times = kernels::stop_profile();
    EXPECT_EQ(calls(times, "attention_forward") > 0, step < 2) << "step " << step;
    EXPECT_EQ(calls(times, "play_recording"), step > 0) << "step " << step;
    EXPECT_EQ(calls(times, kernels::kWait), 0) << "step " << step;
    kernels::start_profile();
    EXPECT_TRUE(pending.wait().finite);
    EXPECT_GT(calls(kernels::stop_profile(), kernels::kWait), 0);
  }
}

TEST(HostWaits, NoneInATrainingStep) {
  for (const char* precision : {"fp32", "bf16"}) {
    for (const char* rate : {"0", "1"}) {
      SCOPED_TRACE(testing::Message() << precision << ", shift rate " << rate);
      expect_no_wait_in_a_step({std::string("train.precision=") + precision,
                                std::string("seqpe.shift.rate=") + rate,
                                "train.micro_batch_size=2"});
    }
  }
  expect_no_wait_in_a_step({"model.position=learned"});
}

}  // namespace
}  // namespace seqpe
