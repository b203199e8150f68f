// The choice of cuDNN for a test, and what is told meanwhile.
#pragma once

#include <string>
#include <vector>

#include "kernels/attention_backend.h"

namespace seqpe::test {

class ChosenAttention {
 public:
  explicit ChosenAttention(kernels::AttentionBackend backend) {
    lines().clear();
    kernels::use_attention(backend, [](const std::string& line) { lines().push_back(line); });
  }
  ~ChosenAttention() { kernels::use_attention(kernels::AttentionBackend::own); }
  ChosenAttention(const ChosenAttention&) = delete;
  ChosenAttention& operator=(const ChosenAttention&) = delete;

  /// Why cuDNN did not compute.
  static std::vector<std::string>& lines() {
    static std::vector<std::string> told;
    return told;
  }
};

}  // namespace seqpe::test
