// The choice of cuDNN for a test, what is told meanwhile, and who computed.
#pragma once

#include <string>
#include <vector>

#include "kernels/attention_backend.h"
#include "tests/cuda/attention_support.h"

namespace seqpe::test {

class ChosenAttention {
 public:
  explicit ChosenAttention(kernels::AttentionBackend backend) {
    kernels::use_attention(backend, [](const std::string& line) { lines().push_back(line); });
  }
  ~ChosenAttention() { kernels::use_attention(kernels::AttentionBackend::own); }
  ChosenAttention(const ChosenAttention&) = delete;
  ChosenAttention& operator=(const ChosenAttention&) = delete;

  /// Why cuDNN did not compute, in all tests: each begins by clearing them.
  static std::vector<std::string>& lines() {
    static std::vector<std::string> told;
    return told;
  }
};

/// How a line of ChosenAttention begins.
inline std::string line_of(const std::string& why) {
  return "kernels.attention=cudnn: own kernels compute where cuDNN does not: " + why + ".";
}

/// cuDNN computes what `f` runs by run_attention: forward twice, backward once, or not at all.
template <typename F>
void expect_cudnn(const F& f, bool backward_too = true) {
  const kernels::CudnnAttentionRuns before = kernels::cudnn_attention_runs();
  f();
  const kernels::CudnnAttentionRuns after = kernels::cudnn_attention_runs();
  const std::int64_t forward = after.forward - before.forward,
                     backward = after.backward - before.backward;
  EXPECT_GT(forward, 0);
  EXPECT_EQ(2 * backward, backward_too ? forward : 0);
  if (!backward_too) return;
  for (const std::string& why : kernels::reasons_for_own_attention()) ADD_FAILURE() << why;
}

template <typename T>
void expect_same_results(const AttentionResults<T>& a, const AttentionResults<T>& b) {
  EXPECT_TRUE(bits_of(a.out) == bits_of(b.out)) << "out";
  EXPECT_TRUE(bits_of(a.lse) == bits_of(b.lse)) << "lse";
  for (std::size_t n = 0; n < kAttentionInputs; ++n)
    EXPECT_TRUE(bits_of(a.gradients[n]) == bits_of(b.gradients[n])) << kGradientNames[n];
}

}  // namespace seqpe::test
