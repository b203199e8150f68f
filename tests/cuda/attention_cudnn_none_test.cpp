// Where there is no cuDNN: the emulated device says so, whatever headers the machine has.
#include "tests/cuda/attention_cudnn_support.h"

namespace seqpe::kernels {
namespace {

using test::ChosenAttention;

TEST(AttentionCudnnNone, TellsThatTheDeviceIsEmulated) {
  const test::AttentionProblem<bf16> problem({"", 1, 2, 18, 18, 32, 32, true}, Write::overwrite);
  const auto run = [&] {
    return test::run_attention<bf16, test::DeviceArray>(test::on_cuda(), problem);
  };
  const auto own = run();
  const ChosenAttention chosen(AttentionBackend::cudnn);
  ChosenAttention::lines().clear();
  test::expect_same_results(run(), own);
  EXPECT_EQ(ChosenAttention::lines(),
            std::vector<std::string>{test::line_of("the device is emulated")});
}

}  // namespace
}  // namespace seqpe::kernels
