// What fails in cuDNN although it supports it: who computes then, and what may come yet. By the
// fake.
#include "tests/cuda/attention_cudnn_arrays.h"
#include "tests/cuda/fake_cudnn.h"
#include "tests/support/expect_error.h"

namespace seqpe::kernels {
namespace {

using test::AttentionArrays;
using test::AttentionCase;
using test::AttentionProblem;
using test::case_with_heads;
using test::ChosenAttention;
using test::fake_cudnn;
using test::line_of;
using test::on_cuda;

constexpr cudnnStatus_t kNoMemory = CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;

class AttentionCudnnFailure : public testing::Test {
 protected:
  void SetUp() override {
    fake_cudnn() = {};
    ChosenAttention::lines().clear();
  }
  void TearDown() override { fake_cudnn() = {}; }
};

void forward(const AttentionArrays& arrays) {
  attention_forward(on_cuda(), arrays.forward());
}
void backward(const AttentionArrays& arrays) {
  attention_backward(on_cuda(), arrays.backward());
}
test::AttentionResults<bf16> run(const AttentionProblem<bf16>& problem) {
  return test::run_attention<bf16, test::DeviceArray>(on_cuda(), problem);
}

// The first one of all: no test before it made the handle.
TEST_F(AttentionCudnnFailure, AHandleIsAskedForAgain) {
  const AttentionProblem<bf16> dropping(case_with_heads(13, 0.1), Write::overwrite);
  const auto own = run(dropping);
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays arrays(case_with_heads(13)), others(case_with_heads(14, 0.1));
  fake_cudnn().handle_status = kNoMemory;
  forward(arrays);
  forward(others);
  test::expect_same_results(run(dropping), own);
  EXPECT_EQ(ChosenAttention::lines(),
            std::vector<std::string>{
                line_of("it gives no handle: internal error, no handle of the fake")});
  fake_cudnn().handle_status = CUDNN_STATUS_SUCCESS;
  forward(arrays);
  EXPECT_EQ(fake_cudnn().runs, 1);
  backward(others);  // forward drew masks of its own
  EXPECT_EQ(fake_cudnn().runs, 1);
}

TEST_F(AttentionCudnnFailure, APlanThatFailedForMemoryIsTriedForAgain) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays arrays(case_with_heads(15));
  fake_cudnn().plan_status = kNoMemory;
  forward(arrays);
  const int tries = fake_cudnn().plans_tried;
  EXPECT_GT(tries, 0);
  for (int asked = 2; asked <= 20; ++asked) forward(arrays);
  EXPECT_EQ(fake_cudnn().plans_tried, 5 * tries);  // the 1st, 2nd, 4th, 8th and 16th time
  EXPECT_EQ(ChosenAttention::lines(),
            std::vector<std::string>{line_of("it has no forward of B 1 H 15 Q 18 K 18 D 32, plan: "
                                             "internal error, no engine of the fake")});
  backward(arrays);
  fake_cudnn().plan_status = CUDNN_STATUS_SUCCESS;
  EXPECT_EQ(fake_cudnn().runs, 0);
  backward(arrays);
  EXPECT_EQ(fake_cudnn().runs, 1);
}

TEST_F(AttentionCudnnFailure, WhatIsNotSupportedIsNotTriedForAgain) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays arrays(case_with_heads(16));
  fake_cudnn().plan_status = CUDNN_STATUS_NOT_SUPPORTED_SHAPE;
  forward(arrays);
  const int tries = fake_cudnn().plans_tried;
  fake_cudnn().plan_status = CUDNN_STATUS_SUCCESS;
  for (int asked = 2; asked <= 20; ++asked) forward(arrays);
  EXPECT_EQ(fake_cudnn().plans_tried, tries);
  EXPECT_EQ(fake_cudnn().runs, 0);
}

/// Backward draws the masks that forward drew.
TEST_F(AttentionCudnnFailure, WithDropoutAPlanIsNotTriedForAgain) {
  const AttentionCase c = case_with_heads(17, 0.1);
  const AttentionArrays own(c), arrays(c);
  forward(own);
  backward(own);
  const ChosenAttention chosen(AttentionBackend::cudnn);
  fake_cudnn().plan_status = kNoMemory;
  forward(arrays);
  fake_cudnn().plan_status = CUDNN_STATUS_SUCCESS;
  backward(arrays);
  EXPECT_EQ(fake_cudnn().runs, 0);
  EXPECT_TRUE(test::bits_of(arrays.gradients.read()) == test::bits_of(own.gradients.read()));
}

TEST_F(AttentionCudnnFailure, OwnKernelsTakeOverFromARunThatFails) {
  for (const Write write : test::kWrites) {
    const std::string heads = write == Write::overwrite ? "19" : "20";
    const AttentionProblem<bf16> problem(case_with_heads(std::stoi(heads)), write);
    const auto own = run(problem);
    const ChosenAttention chosen(AttentionBackend::cudnn);
    ChosenAttention::lines().clear();
    fake_cudnn() = {.run_status = CUDNN_STATUS_EXECUTION_FAILED_CUDART};
    test::expect_same_results(run(problem), own);
    const auto failed = [&](const std::string& direction) {
      return line_of("its " + direction + " of B 1 H " + heads +
                     " Q 18 K 18 D 32 failed, run: execution failed, no run of the fake");
    };
    EXPECT_EQ(ChosenAttention::lines(),
              (std::vector<std::string>{failed("forward"), failed("backward")}));
    fake_cudnn().run_status = CUDNN_STATUS_SUCCESS;
    test::expect_same_results(run(problem), own);
    EXPECT_EQ(fake_cudnn().runs, 0);
  }
}

TEST_F(AttentionCudnnFailure, NothingOfARunThatFailedIsAdded) {
  const AttentionArrays own(case_with_heads(22)), arrays(case_with_heads(22));
  const auto add = [](const AttentionArrays& to) {
    AttentionForwardArgs args = to.forward();
    args.out.write = Write::accumulate;
    attention_forward(on_cuda(), args);
    return test::bits_of(to.out.read());
  };
  const auto expected = add(own);
  const ChosenAttention chosen(AttentionBackend::cudnn);
  fake_cudnn().run_status = CUDNN_STATUS_EXECUTION_FAILED;
  EXPECT_TRUE(add(arrays) == expected);
  EXPECT_EQ(ChosenAttention::lines().size(), 1u);
}

TEST_F(AttentionCudnnFailure, WithDropoutARunThatFailsIsAnError) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays arrays(case_with_heads(21, 0.1));
  forward(arrays);
  fake_cudnn().run_status = CUDNN_STATUS_EXECUTION_FAILED;
  test::expect_error<DeviceError>(
      [&] { backward(arrays); },
      "[attention] cuDNN must draw the masks of both directions, but its backward of B 1 H 21 Q 18 "
      "K 18 D 32 failed, run: execution failed, no run of the fake. Hint: kernels.attention=own.");
}

}  // namespace
}  // namespace seqpe::kernels
