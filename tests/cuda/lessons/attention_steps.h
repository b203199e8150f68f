// Causal attention forward in the forms that docs/cuda.md walks through, bf16 on the device cuda.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/common/bf16.h"

namespace seqpe::lessons {

constexpr int kHeadSize = 64;  // D

/// Every (sequence, head) by itself, its rows one after the other.
struct AttentionHeads {
  bf16* out = nullptr;   // [heads, tokens, D]
  float* lse = nullptr;  // [heads, tokens]; the engine's kernel alone
                         // writes it
  const bf16 *q = nullptr, *k = nullptr, *v = nullptr;  // [heads, tokens, D]
  int heads = 0, tokens = 0;                            // tokens: a multiple of 64
  float scale = 1.0f;
};

struct AttentionStep {
  const char* name;
  void (*run)(const AttentionHeads& heads);
};

/// From the formula written down to the engine's own kernel, which is the last.
std::vector<AttentionStep> attention_steps();

}  // namespace seqpe::lessons
