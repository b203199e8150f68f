// NCCL with one rank, on a GPU the library itself: training that goes through it is training
// without it, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "engine/train/updater.h"
#include "kernels/common/profile.h"
#include "kernels/common/timeline.h"
#include "kernels/device.h"
#include "models/tasks/lm_task.h"
#include "tests/support/one_rank.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe {
namespace {

std::vector<float> trained(dist::ProcessGroup& ranks, const std::vector<std::string>& settings) {
  const auto model = test::tiny_language_model(settings, DType::f32);
  model.move_to(Device::cuda);
  models::LmTask task(model, ranks);
  train::Updater updater(task, model.config().train, ranks, model.config().dist);
  for (std::int64_t step = 0; step < 4; ++step) EXPECT_TRUE(updater.start(step).wait().finite);
  std::vector<float> weights;
  for (const nn::Parameter& parameter : task.parameters()) {
    for (const float value : test::elements<float>(parameter.value.to(Device::cpu)))
      weights.push_back(value);
  }
  return weights;
}

class Nccl : public testing::Test {
 protected:
  void SetUp() override {
    try {
      ranks_ = test::one_nccl_rank();
    } catch (const CommunicationError& error) {
      GTEST_SKIP() << error.what();
    }
  }
  std::unique_ptr<dist::ProcessGroup> ranks_;
};

TEST_F(Nccl, OneRankTrainsAsWithoutIt) {
  for (const char* setting :
       {"dist.zero=0", "dist.zero=1", "dist.deterministic=true", "train.cuda_graphs=false"}) {
    SCOPED_TRACE(setting);
    const std::vector<std::string> settings{setting, "dist.bucket_mb=0.001",
                                            "seqpe.shift.rate=0.5"};
    const bool deterministic = std::string_view(setting) == "dist.deterministic=true";
    EXPECT_EQ(trained(deterministic ? *test::one_nccl_rank(true) : *ranks_, settings),
              trained(dist::single_process(), settings));
  }
}

TEST_F(Nccl, GradientsTravelWhileTheDeviceComputes) {
  const auto model = test::tiny_language_model(
      {"dist.bucket_mb=0.001", "dist.wire=bf16", "model.layers=4", "train.cuda_graphs=false"},
      DType::f32);
  model.move_to(Device::cuda);
  models::LmTask task(model, *ranks_);
  train::Updater updater(task, model.config().train, *ranks_, model.config().dist);
  updater.start(0).wait();
  kernels::start_profile();
  kernels::start_timeline(Device::cuda);
  updater.start(1).wait();
  std::vector<kernels::Span> computed, sent;
  for (const kernels::Span& span : kernels::stop_timeline())
    (span.track == kernels::Track::compute ? computed : sent).push_back(span);
  kernels::stop_profile();
  ASSERT_GT(sent.size(), 8u);
  EXPECT_EQ(sent.front().name, "all_reduce");
  const auto later = std::count_if(computed.begin(), computed.end(), [&](const auto& kernel) {
    return kernel.begin > sent.front().begin;
  });
  EXPECT_GT(later, 50) << "of " << computed.size() << " kernels";
  // The emulated device does one thing at a time.
  if (kernels::cuda_device() != kernels::CudaDevice::gpu) return;
  EXPECT_TRUE(std::any_of(sent.begin(), sent.end(), [&](const auto& message) {
    return std::any_of(computed.begin(), computed.end(), [&](const auto& kernel) {
      return kernel.begin < message.end && message.begin < kernel.end;
    });
  }));
}

}  // namespace
}  // namespace seqpe
