// NCCL with one rank, on a GPU the library itself: training that goes through it is training
// without it, bit for bit.
#include <gtest/gtest.h>

#include "engine/train/updater.h"
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

TEST(Nccl, OneRankTrainsAsWithoutIt) {
  std::unique_ptr<dist::ProcessGroup> ranks;
  try {
    ranks = test::one_nccl_rank();
  } catch (const CommunicationError& error) {
    GTEST_SKIP() << error.what();
  }
  for (const char* setting :
       {"dist.zero=0", "dist.zero=1", "dist.deterministic=true", "train.cuda_graphs=false"}) {
    SCOPED_TRACE(setting);
    const std::vector<std::string> settings{setting, "dist.bucket_mb=0.001",
                                            "seqpe.shift.rate=0.5"};
    EXPECT_EQ(trained(*ranks, settings), trained(dist::single_process(), settings));
  }
}

}  // namespace
}  // namespace seqpe
