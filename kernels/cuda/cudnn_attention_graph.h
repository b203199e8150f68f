// Attention as graphs of cuDNN's operations, in the pattern that its engines for attention take:
// they keep no Q x K matrix in memory.
#pragma once

#include <compare>
#include <cstdint>

#include "kernels/cuda/cudnn_graph.h"

namespace seqpe::kernels::cuda {

/// Of a [batch, heads, tokens, size] tensor, in elements; the last dimension is contiguous.
struct CudnnStrides {
  std::int64_t batch = 0, head = 0, token = 0;
  auto operator<=>(const CudnnStrides&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// All that a graph depends on.
struct CudnnAttention {
  bool backward = false;
  std::int64_t batch = 0, heads = 0, q_len = 0, kv_len = 0;
  std::int64_t head_size = 0, value_size = 0;
  bool causal = false;  // query i attends to keys j <= i
  double dropout = 0.0;
  /// Backward adds up grad_q in one order, at the price of a Q x K matrix in its workspace.
  bool one_order = false;
  CudnnStrides q, k, v, out;
  CudnnStrides grad_out, grad_q, grad_k, grad_v;
  auto operator<=>(const CudnnAttention&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// What the graphs name by number. Data in bf16.
enum CudnnMemory : std::int64_t {
  kCudnnQ = 1,
  kCudnnK,
  kCudnnV,
  kCudnnOut,
  kCudnnLse,  // [B, H, Q] f32
  kCudnnGradOut,
  kCudnnGradQ,
  kCudnnGradK,
  kCudnnGradV,
  kCudnnDelta,     // [B, H, Q] f32, scratch of backward
  kCudnnGradQSum,  // [B, H, Q, head_size] f32, scratch of backward unless one_order
  kCudnnSeed,      // one number on the device, int64
  kCudnnOffset,    // likewise
  kCudnnScale,     // the rest: one number in the host's memory, f32. Of the logits
  kCudnnMinusInfinity,
  kCudnnKeepScale,  // 1 / (1 - dropout)
  kCudnnKeep        // 1 - dropout
};

/// out, lse; or grad_q, grad_k, grad_v from out, lse and grad_out.
void add_attention(CudnnGraph& graph, const CudnnAttention& attention);

}  // namespace seqpe::kernels::cuda
