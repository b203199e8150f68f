// When cuDNN is asked, and what is told when it is not: by the fake.
#include "kernels/cuda/cudnn_attention_graph.h"
#include "kernels/recording.h"
#include "tests/cuda/attention_cudnn_support.h"
#include "tests/cuda/attention_support.h"
#include "tests/cuda/fake_cudnn.h"
#include "tests/support/expect_error.h"

namespace seqpe::kernels {
namespace {

using test::AttentionCase;
using test::AttentionMask;
using test::AttentionProblem;
using test::ChosenAttention;
using test::DeviceArray;
using test::fake_cudnn;
using test::on_cuda;

// Plans are kept by shape: each test has a head count of its own.
AttentionCase case_with_heads(std::int64_t heads) {
  return {"", 1, heads, 18, 18, 32, 32, true};
}

class AttentionCudnnFallback : public testing::Test {
 protected:
  void SetUp() override { fake_cudnn() = {}; }
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
  const int runs = fake_cudnn().runs;
  const auto results = run(problem);
  run(problem);
  EXPECT_EQ(fake_cudnn().runs, runs);
  EXPECT_TRUE(test::bits_of(results.out) == test::bits_of(own.out));
  EXPECT_TRUE(test::bits_of(results.gradients[2]) == test::bits_of(own.gradients[2]));
  ASSERT_EQ(ChosenAttention::lines().size(), 1u);
  EXPECT_EQ(ChosenAttention::lines()[0],
            "kernels.attention=cudnn: own kernels compute where cuDNN does not: " + why + ".");
}

TEST_F(AttentionCudnnFallback, WithoutTheLibrary) {
  fake_cudnn().missing = "there is no libcudnn.so.9";
  expect_fallback(case_with_heads(2), "there is no libcudnn.so.9");
}

TEST_F(AttentionCudnnFallback, WhereNoEngineTakesAGraph) {
  fake_cudnn().refuses_plans = true;
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
  expect_fallback(wide_values, "it takes heads of 32, 64 or 128 columns, not 32");
  expect_fallback(other_pe, "it takes heads of 32, 64 or 128 columns, not 64 + 32");
  expect_fallback(one_query, "it is not asked for one query, or for at most 16 keys");
  expect_fallback(few_keys, "it is not asked for one query, or for at most 16 keys");
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

/// bf16 arrays of a case, q and k and v in one, without what run_attention adds around a run.
struct Arrays {
  explicit Arrays(const AttentionCase& c)
      : shape(test::shape_of(c)),
        place(test::AttentionLayout::token_major, c.batch, c.kv_len, c.heads, c.head_size),
        data(test::random_operand<bf16>(place, 1)),
        out(data.read()),
        gradients(test::poisoned<bf16>(3 * place.count)),
        lse(test::poisoned<float>(c.batch * c.heads * c.q_len)) {}

  AttentionForwardArgs forward() const {
    AttentionForwardArgs args{.dtype = DType::bf16, .shape = shape, .lse = lse.data()};
    args.q = args.k = args.v = test::operand(data.data(), place);
    args.out = test::output(out.data(), place, Write::overwrite);
    return args;
  }
  AttentionBackwardArgs backward() const {
    AttentionBackwardArgs args{.dtype = DType::bf16, .shape = shape, .lse = lse.data()};
    args.q = args.k = args.v = args.grad_out = test::operand(data.data(), place);
    args.out = test::operand(out.data(), place);
    const auto gradient = [&](std::int64_t n) {
      return test::output(gradients.data() + n * place.count, place, Write::overwrite);
    };
    args.grad_q = gradient(0);
    args.grad_k = gradient(1);
    args.grad_v = gradient(2);
    return args;
  }

  AttentionShape shape;
  test::Placement place;
  DeviceArray<bf16> data, out, gradients;
  DeviceArray<float> lse;
};

TEST_F(AttentionCudnnFallback, AutoLeavesABackwardOfMuchWorkspaceToOwnKernels) {
  const ChosenAttention chosen(AttentionBackend::automatic);
  const Arrays arrays(case_with_heads(6));
  attention_forward(on_cuda(), arrays.forward());
  EXPECT_EQ(fake_cudnn().runs, 1);
  fake_cudnn().workspace_bytes = (std::size_t{256} << 20) + 1;
  attention_backward(on_cuda(), arrays.backward());
  EXPECT_EQ(fake_cudnn().runs, 1);
}

TEST_F(AttentionCudnnFallback, NoPlanIsMadeWhileWorkIsRecorded) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  const Arrays arrays(case_with_heads(9));
  const Recording recording(on_cuda(), [&] { attention_forward(on_cuda(), arrays.forward()); });
  EXPECT_EQ(fake_cudnn().plans, 0);
  ASSERT_EQ(ChosenAttention::lines().size(), 1u);
  EXPECT_NE(ChosenAttention::lines()[0].find("a plan is not made while work is recorded"),
            std::string::npos);
}

TEST_F(AttentionCudnnFallback, ABackwardThatCannotDrawForwardsMasksIsAnError) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  AttentionCase c = case_with_heads(10);
  c.dropout = 0.1;
  const Arrays arrays(c);
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
  AttentionCase c = case_with_heads(11);
  const Arrays without(c);
  attention_forward(on_cuda(), without.forward());
  EXPECT_EQ(fake_cudnn().plans, 1);
  c.dropout = 0.1;
  const Arrays with(c);
  attention_forward(on_cuda(), with.forward());
  EXPECT_EQ(fake_cudnn().plans, 3);
}

// The last one: no test after it gets a plan of its own.
TEST_F(AttentionCudnnFallback, SoManyPlansAndNoMore) {
  const ChosenAttention chosen(AttentionBackend::cudnn);
  for (std::int64_t queries = 2; queries < 70; ++queries) {
    const Arrays arrays({"", 1, 1, queries, queries + 17, 32, 32});
    attention_forward(on_cuda(), arrays.forward());
  }
  EXPECT_LE(fake_cudnn().plans, 64);
  ASSERT_EQ(ChosenAttention::lines().size(), 1u);
  EXPECT_NE(ChosenAttention::lines()[0].find("64 shapes have plans already"), std::string::npos);
}

}  // namespace
}  // namespace seqpe::kernels
