// Every form of attention that docs/cuda.md walks through, against float64 on the CPU.
#include "tests/cuda/lessons/attention_steps.h"

#include "kernels/attention.h"
#include "tests/cuda/device_array.h"

namespace seqpe::lessons {
namespace {

constexpr int kHeads = 2, kTokens = 128;  // two tiles of the tensor cores
constexpr std::int64_t kCount = kHeads * kTokens * kHeadSize;
constexpr float kScale = 0.125f;

/// Logits of up to 8 or so, so that weights differ.
std::vector<bf16> operand(std::uint64_t seed) {
  return test::random_vector<bf16>(kCount, seed, -3, 3);
}

std::vector<double> exact() {
  const std::vector<double> q = test::to_double(operand(1)), k = test::to_double(operand(2)),
                            v = test::to_double(operand(3));
  std::vector<double> out(kCount), lse(kHeads * kTokens);
  const auto in = [](const std::vector<double>& x) {
    return kernels::AttentionOperand{x.data(), kTokens * kHeadSize, kHeadSize, kHeadSize};
  };
  kernels::AttentionForwardArgs args{
      .dtype = DType::f64,
      .out = {out.data(), kTokens * kHeadSize, kHeadSize, kHeadSize, Write::overwrite},
      .lse = lse.data(),
      .q = in(q),
      .k = in(k),
      .v = in(v)};
  args.shape.batch = kHeads;
  args.shape.q_len = args.shape.kv_len = kTokens;
  args.shape.head_size = args.shape.value_size = kHeadSize;
  args.shape.causal = true;
  args.shape.scale = kScale;
  kernels::attention_forward(test::kCpu, args);
  return out;
}

TEST(AttentionSteps, EachIsCloseToFloat64) {
  const std::vector<double> expected = exact();
  const test::DeviceArray<bf16> q(operand(1)), k(operand(2)), v(operand(3));
  for (const AttentionStep& step : attention_steps()) {
    SCOPED_TRACE(step.name);
    test::under_every_schedule([&] {
      const test::DeviceArray<bf16> out(test::poisoned<bf16>(kCount));
      const test::DeviceArray<float> lse(test::poisoned<float>(kHeads * kTokens));
      AttentionHeads heads;
      heads.out = out.data();
      heads.lse = lse.data();
      heads.q = q.data();
      heads.k = k.data();
      heads.v = v.data();
      heads.heads = kHeads;
      heads.tokens = kTokens;
      heads.scale = kScale;
      step.run(heads);
      // Tensor cores take weights rounded to bf16, and the result is rounded once more.
      constexpr double kLargestValue = 3, kRoundings = 2;
      test::expect_close(out.read(), expected,
                         test::tolerance<bf16>(kTokens, kLargestValue, kRoundings), "out");
    });
  }
}

}  // namespace
}  // namespace seqpe::lessons
