// Attention in bf16 with each direction by itself, and cases with plans of their own, for the tests
// of when cuDNN computes.
#pragma once

#include "tests/cuda/attention_cudnn_support.h"

namespace seqpe::test {

/// Plans are kept by shape: each test has a head count of its own.
inline AttentionCase case_with_heads(std::int64_t heads, double dropout = 0.0) {
  return {"", 1, heads, 18, 18, 32, 32, true, AttentionMask::none, dropout};
}

/// bf16 arrays of a case, each a third of its rows, without what run_attention adds around a run.
/// q, k, v and the gradient of out are one.
struct AttentionArrays {
  explicit AttentionArrays(const AttentionCase& c)
      : shape(shape_of(c)),
        place(AttentionLayout::packed, c.batch, c.kv_len, c.heads, c.head_size),
        data(random_operand<bf16>(place, 1)),
        out(data.read()),
        gradients(poisoned<bf16>(3 * place.count)),
        lse(poisoned<float>(c.batch * c.heads * c.q_len)) {}

  AttentionForwardArgs forward() const {
    AttentionForwardArgs args{.dtype = DType::bf16, .shape = shape, .lse = lse.data()};
    args.q = args.k = args.v = operand(data.data(), place);
    args.out = output(out.data(), place, Write::overwrite);
    return args;
  }
  AttentionBackwardArgs backward() const {
    AttentionBackwardArgs args{.dtype = DType::bf16, .shape = shape, .lse = lse.data()};
    args.q = args.k = args.v = args.grad_out = operand(data.data(), place);
    args.out = operand(out.data(), place);
    const auto gradient = [&](std::int64_t n) {
      return output(gradients.data() + n * place.count, place, Write::overwrite);
    };
    args.grad_q = gradient(0);
    args.grad_k = gradient(1);
    args.grad_v = gradient(2);
    return args;
  }

  AttentionShape shape;
  Placement place;
  DeviceArray<bf16> data, out, gradients;
  DeviceArray<float> lse;
};

}  // namespace seqpe::test
