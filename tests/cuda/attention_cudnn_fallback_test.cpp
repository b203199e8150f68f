// When cuDNN is asked, and what is told when it is not: by the fake.
#include "kernels/cuda/cudnn_attention_graph.h"
#include "kernels/recording.h"
#include "tests/cuda/attention_cudnn_arrays.h"
#include "tests/cuda/fake_cudnn.h"
#include "tests/support/expect_error.h"

namespace seqpe::kernels {
namespace {

using test::AttentionArrays;
using test::AttentionCase;
using test::AttentionMask;
using test::AttentionProblem;
using test::case_with_heads;
using test::ChosenAttention;
using test::DeviceArray;
using test::fake_cudnn;
using test::on_cuda;

class AttentionCudnnFallback : public testing::Test {
 protected:
  void SetUp() override {
    fake_cudnn() = {};
    ChosenAttention::lines().clear();
  }
  void TearDown() override { fake_cudnn() = {}; }
};

template <typename T>
test::AttentionResults<T> run(const AttentionProblem<T>& problem) {
  return test::run_attention<T, DeviceArray>(on_cuda(), problem);
}

/// Neither direction asks cuDNN, the line is told once, and own kernels compute what they always
/// do.
template <typename T = bf16>
void expect_fallback(const AttentionCase& c, const std::string& why) {
  SCOPED_TRACE(why);
  const AttentionProblem<T> problem(c, Write::overwrite);
  const auto own = run(problem);
  const ChosenAttention chosen(AttentionBackend::cudnn);
  ChosenAttention::lines().clear();
  const int runs = fake_cudnn().runs;
  const auto results = run(problem);
  run(problem);
  EXPECT_EQ(fake_cudnn().runs, runs);
  test::expect_same_results(results, own);
  const std::vector<std::string> none, one{test::line_of(why)};
  EXPECT_EQ(ChosenAttention::lines(), why.empty() ? none : one);
}

TEST_F(AttentionCudnnFallback, WithoutTheLibrary) {
  fake_cudnn().missing = "there is no libcudnn.so.9";
  expect_fallback(case_with_heads(2), "there is no libcudnn.so.9");
}

TEST_F(AttentionCudnnFallback, WhereNoEngineTakesAGraph) {
  fake_cudnn().plan_status = CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN;
  const AttentionProblem<bf16> problem(case_with_heads(3), Write::overwrite);
  const ChosenAttention chosen(AttentionBackend::cudnn);
  run(problem);
  const std::vector<std::string> lines = ChosenAttention::lines();
  ASSERT_EQ(lines.size(), 2u);  // forward, backward
  EXPECT_NE(lines[0].find("it has no forward of B 1 H 3 Q 18 K 18 D 32"), std::string::npos)
      << lines[0];
  EXPECT_NE(lines[0].find("no engine of the fake"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("it has no backward of B 1 H 3"), std::string::npos) << lines[1];
}

TEST_F(AttentionCudnnFallback, OfWhatIsNotForIt) {
  const AttentionCase holes{"", 1, 2, 18, 18, 32, 32, true, AttentionMask::holes},
      past{"", 1, 2, 17, 18, 32, 32, true}, narrow{"", 1, 2, 18, 18, 16, 16},
      wide_values{"", 1, 2, 18, 18, 32, 64},
      other_pe{"", 1, 2, 18, 18, 64, 64, true, AttentionMask::none, 0, 32},
      one_query{"", 1, 2, 1, 18, 32, 32},
      few_keys{"", 1, 2, 16, 16, 32, 32, true, AttentionMask::none, 0, 32};
  expect_fallback(holes, "it is given no key mask");
  expect_fallback(past, "it takes causal attention of as many queries as keys");
  expect_fallback(narrow, "it takes heads of 32, 64 or 128 columns, not 16");
  expect_fallback(wide_values, "it takes heads of 32, 64 or 128 columns, not 32 with values of 64");
  expect_fallback(other_pe, "it takes heads of 32, 64 or 128 columns, not 64 + 32");
  expect_fallback(few_keys, "it is not asked for at most 16 keys");
  expect_fallback(one_query, "");
  expect_fallback<float>(case_with_heads(2), "it takes bf16, not f32");
  EXPECT_EQ(fake_cudnn().plans, 0);
}

TEST_F(AttentionCudnnFallback, OwnKernelsUnlessItIsChosen) {
  run(AttentionProblem<bf16>(case_with_heads(4), Write::overwrite));
  EXPECT_EQ(fake_cudnn().plans, 0);
}

TEST_F(AttentionCudnnFallback, AutoTakesItWhereNoMaskIsDrawnAndSumsInOneOrder) {
  const ChosenAttention chosen(AttentionBackend::automatic);
  AttentionCase c = case_with_heads(5);
  run(AttentionProblem<bf16>(c, Write::overwrite));
  EXPECT_EQ(fake_cudnn().runs, 3);
  EXPECT_FALSE(fake_cudnn().numbers.contains(cuda::kCudnnGradQSum));
  c.dropout = 0.1;
  run(AttentionProblem<bf16>(c, Write::overwrite));
  EXPECT_EQ(fake_cudnn().runs, 3);
  EXPECT_TRUE(ChosenAttention::lines().empty());
}

/// One order was seen on Hopper alone.
TEST_F(AttentionCudnnFallback, AutoLeavesBackwardToOwnKernelsOnOtherGpus) {
  const AttentionArrays arrays(case_with_heads(18));
  for (const auto& [capability, number] :
       {std::pair{80, "8.0"}, {89, "8.9"}, {100, "10.0"}, {121, "12.1"}}) {
    SCOPED_TRACE(number);
    const ChosenAttention chosen(AttentionBackend::automatic);
    fake_cudnn() = {.compute_capability = capability};
    attention_forward(on_cuda(), arrays.forward());
    attention_backward(on_cuda(), arrays.backward());
    EXPECT_EQ(fake_cudnn().runs, 1);
    EXPECT_EQ(reasons_for_own_attention(),
              std::set<std::string>{"its backward is known to add up in one order on compute "
                                    "capability 9.x alone, not on " +
                                    std::string(number)});
    use_attention(AttentionBackend::cudnn);
    attention_backward(on_cuda(), arrays.backward());
    EXPECT_EQ(fake_cudnn().runs, 2);
    EXPECT_TRUE(reasons_for_own_attention().empty());
  }
  EXPECT_TRUE(ChosenAttention::lines().empty());
}

TEST_F(AttentionCudnnFallback, TheFastBackwardWhereItWasAskedFor) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  run(AttentionProblem<bf16>(case_with_heads(7), Write::overwrite));
  EXPECT_EQ(fake_cudnn().runs, 3);
  EXPECT_TRUE(fake_cudnn().numbers.contains(cuda::kCudnnGradQSum));
  EXPECT_TRUE(ChosenAttention::lines().empty());
}

TEST_F(AttentionCudnnFallback, APlanIsMadeOnceAndRunsInTheStreamWithItsWorkspace) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionProblem<bf16> problem(case_with_heads(8), Write::overwrite);
  run(problem);
  EXPECT_EQ(fake_cudnn().plans, 2);
  run(problem);
  EXPECT_EQ(fake_cudnn().plans, 2);
  EXPECT_EQ(fake_cudnn().runs, 6);
  EXPECT_EQ(fake_cudnn().stream, on_cuda().stream);
  EXPECT_NE(fake_cudnn().workspace, nullptr);
}

TEST_F(AttentionCudnnFallback, AutoLeavesABackwardOfMuchWorkspaceToOwnKernels) {
  const ChosenAttention chosen(AttentionBackend::automatic);
  const AttentionArrays arrays(case_with_heads(6));
  attention_forward(on_cuda(), arrays.forward());
  EXPECT_EQ(fake_cudnn().runs, 1);
  fake_cudnn().workspace_bytes = (std::size_t{256} << 20) + 1;
  attention_backward(on_cuda(), arrays.backward());
  EXPECT_EQ(fake_cudnn().runs, 1);
}

TEST_F(AttentionCudnnFallback, NoPlanIsMadeWhileWorkIsRecorded) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays arrays(case_with_heads(9));
  const Recording recording(on_cuda(), [&] { attention_forward(on_cuda(), arrays.forward()); });
  EXPECT_EQ(fake_cudnn().plans, 0);
  ASSERT_EQ(ChosenAttention::lines().size(), 1u);
  EXPECT_NE(ChosenAttention::lines()[0].find("a plan is not made while work is recorded"),
            std::string::npos);
}

TEST_F(AttentionCudnnFallback, ABackwardThatCannotDrawForwardsMasksIsAnError) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays arrays(case_with_heads(10, 0.1));
  attention_forward(on_cuda(), arrays.forward());
  EXPECT_EQ(fake_cudnn().runs, 1);
  AttentionBackwardArgs args = arrays.backward();
  attention_backward(on_cuda(), args);
  EXPECT_EQ(fake_cudnn().runs, 2);
  args.grad_out.data = static_cast<const bf16*>(args.grad_out.data) + 1;
  test::expect_error<DeviceError>(
      [&] { attention_backward(on_cuda(), args); },
      "[attention] cuDNN must draw the masks of both directions, but it "
      "takes rows at multiples of 16 bytes. Hint: "
      "kernels.attention=own.");
}

TEST_F(AttentionCudnnFallback, WithDropoutForwardAsksForBackwardsPlan) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays without(case_with_heads(11));
  attention_forward(on_cuda(), without.forward());
  EXPECT_EQ(fake_cudnn().plans, 1);
  const AttentionArrays with(case_with_heads(11, 0.1));
  attention_forward(on_cuda(), with.forward());
  EXPECT_EQ(fake_cudnn().plans, 3);
}

/// Added to, not wanted, or with other strides: forward asked for the plan that is used.
TEST_F(AttentionCudnnFallback, WithDropoutBackwardHasItsPlanHoweverGradientsAreWritten) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays arrays(case_with_heads(12, 0.1));
  AttentionForwardArgs forward = arrays.forward();
  attention_forward(on_cuda(), forward);
  EXPECT_EQ(fake_cudnn().plans, 2);
  forward.out.write = Write::accumulate;
  attention_forward(on_cuda(), forward);
  AttentionBackwardArgs args = arrays.backward();
  args.grad_q.write = Write::accumulate;
  attention_backward(on_cuda(), args);
  args.grad_k.data = nullptr;
  attention_backward(on_cuda(), args);
  const Recording recording(on_cuda(), [&] { attention_backward(on_cuda(), args); });
  EXPECT_EQ(fake_cudnn().plans, 2);
  EXPECT_EQ(fake_cudnn().runs, 5);
}

TEST_F(AttentionCudnnFallback, WithDropoutGradientsGoToOtherStrides) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const AttentionArrays arrays(case_with_heads(23, 0.1));
  attention_forward(on_cuda(), arrays.forward());
  AttentionBackwardArgs args = arrays.backward();
  attention_backward(on_cuda(), args);
  const std::vector<bf16> by_token = arrays.gradients.read();
  const test::Placement by_head(test::AttentionLayout::head_major, 1, 18, 23, 32);
  args.grad_q = test::output(args.grad_q.data, by_head, Write::overwrite);
  attention_backward(on_cuda(), args);
  const std::vector<bf16> others = arrays.gradients.read();
  std::vector<std::size_t> at;
  by_head.for_each([&](std::size_t i) { at.push_back(i); });
  std::size_t n = 0;
  arrays.place.for_each([&](std::size_t i) {
    EXPECT_EQ(test::to_double(others[at[n++]]), test::to_double(by_token[i])) << i;
  });
  EXPECT_EQ(fake_cudnn().plans, 2);
  EXPECT_EQ(fake_cudnn().runs, 3);
}

/// Gradients lie like what they are gradients of, unless that lies in one place for all heads.
TEST_F(AttentionCudnnFallback, WithDropoutGradientsOfSharedValuesLieApart) {
  const AttentionArrays shared(case_with_heads(22, 0.1)), copied(case_with_heads(22, 0.1));
  const std::int64_t size = shared.place.size, row = shared.place.token_stride;
  std::vector<bf16> copies = shared.data.read();
  for (std::size_t i = 0; i < copies.size(); ++i)
    copies[i] = copies[i - i % static_cast<std::size_t>(row) + i % static_cast<std::size_t>(size)];
  const DeviceArray<bf16> values(copies);
  const auto run = [&](const AttentionArrays& arrays, const test::AttentionOperand& v) {
    AttentionForwardArgs forward = arrays.forward();
    forward.v = v;
    attention_forward(on_cuda(), forward);
    AttentionBackwardArgs backward = arrays.backward();
    backward.v = v;
    attention_backward(on_cuda(), backward);
    return test::bits_of(arrays.gradients.read());
  };
  const ChosenAttention chosen(AttentionBackend::cudnn);
  test::AttentionOperand v = test::operand(values.data(), copied.place);
  const auto expected = run(copied, v);
  v = test::operand(shared.data.data(), shared.place);
  v.head_stride = 0;
  EXPECT_TRUE(run(shared, v) == expected);
  EXPECT_EQ(fake_cudnn().runs, 4);
}

// The last one: no test after it gets a plan of its own.
TEST_F(AttentionCudnnFallback, SoManyPlansAndNoMore) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  for (std::int64_t queries = 2; queries < 70; ++queries) {
    const AttentionArrays arrays({"", 1, 1, queries, queries + 17, 32, 32});
    attention_forward(on_cuda(), arrays.forward());
  }
  EXPECT_LE(fake_cudnn().plans, 64);
  ASSERT_EQ(ChosenAttention::lines().size(), 1u);
  EXPECT_NE(ChosenAttention::lines()[0].find("64 shapes have plans already"), std::string::npos);
}

}  // namespace
}  // namespace seqpe::kernels
