// What both backward kernels on tensor cores do with an element of the tiles of logits and of
// gradients of weights.
#pragma once

#include "kernels/attention.h"
#include "kernels/cuda/attention_mma.h"
#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

/// What backward keeps of a query: the log-sum-exp of its logits in base 2, +inf where it attends
/// to nothing (2^(x - inf) = 0 whatever the logits are) or does not exist; and rowsum(grad_out
/// out).
struct QueryTerms {
  float lse_log2, delta;
};

/// What kernels multiply products by, from the launcher: constants that take no registers.
struct LogitScales {
  float to_log2, pe;

  explicit LogitScales(const AttentionShape& shape)
      : to_log2(static_cast<float>(shape.scale) * kLog2E), pe(static_cast<float>(shape.pe_scale)) {}
};

/// In: a product of [q ; pe_q] and [k ; pe_k], and one of grad_out and v. Out: the weight as it
/// multiplied v, but for dropout's scale; and the gradient of the logit.
__device__ __forceinline__ void to_gradients(float& logit, float& grad_weight, float scale_log2,
                                             const QueryTerms& query, bool keep,
                                             float dropout_scale) {
  const float weight = simt::exp2_approximate(logit * scale_log2 - query.lse_log2);
  grad_weight = weight * ((keep ? grad_weight * dropout_scale : 0.0f) - query.delta);
  logit = keep ? weight : 0.0f;
}

}  // namespace seqpe::kernels::cuda
