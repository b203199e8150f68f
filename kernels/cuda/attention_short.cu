// Short attention, f32 and bf16, computed in float32 (attention_short_group.h tells which lane
// holds what). A group walks over its queries and meets all keys at once: no running maximum, no
// second kernel, no shared memory. The next query is asked for before the present one is worked on.
//
// Backward recomputes the weights P from the log-sum-exp. As all keys of a query are at hand,
// delta = rowsum(dO O) is rowsum(P dP) and the output is not read:
//   dP = dropout(dO V^T), dS = P (dP - delta), dQ = scale dS K, dK = scale dS^T Q,
//   dV = dropout(P)^T dO.
// One pass, every sum in a fixed order.
#include "kernels/cuda/attention_short.h"

#include "kernels/cuda/attention_short_group.h"
#include "kernels/cuda/dispatch.h"

namespace seqpe::kernels::cuda {
namespace {

template <int N>
__device__ __forceinline__ void add_scaled(float (&sums)[N], float factor, const float (&x)[N]) {
#pragma unroll
  for (int c = 0; c < N; ++c) sums[c] += factor * x[c];
}

/// out (=|+=) dropout(softmax(scale q k^T)) v, lse = log-sum-exp.
template <typename T, int kHead, int kKeys>
__global__ void __launch_bounds__(kShortThreads)
    attention_forward_short_lanes_per_head_kernel(AttentionForwardArgs args, DropoutMask mask) {
  using Group = ShortGroup<T, kHead, kKeys>;
  constexpr int kColumns = Group::kColumns, kOwnKeys = Group::kOwnKeys;
  const AttentionShape& shape = args.shape;
  const Group group(shape);
  auto next = group.load(args.q, 0, group.q_len);
  float keys[kOwnKeys][kColumns], values[kOwnKeys][kColumns];
  group.load(keys, values, args.k, args.v);
  const unsigned allowed = group.allowed_keys(args.key_mask);
  const auto scale = static_cast<float>(shape.scale);
  float own_lse = 0.0f;
#pragma unroll 1
  for (int i = 0; i < group.q_len; ++i) {
    float query[kColumns];
    Group::convert(query, next);
    next = group.load(args.q, i + 1, group.q_len);
    const unsigned seen = seen_keys(shape, allowed, i), kept = group.kept_keys(mask, shape, i);
    float logits[kOwnKeys], maximum = -INFINITY;
#pragma unroll
    for (int n = 0; n < kOwnKeys; ++n) {
      logits[n] = -INFINITY;
      if (!group.has_keys(n)) continue;
      const float logit = scale * group.dot(query, keys[n]);
      if ((seen >> group.key(n) & 1) != 0) logits[n] = logit;
      maximum = fmaxf(maximum, logits[n]);
    }
    maximum = group.max_of_parts(maximum);
    // No key allowed: -inf - -inf would be NaN.
    const float shift = maximum == -INFINITY ? 0.0f : maximum;
    float total = 0.0f, sums[kColumns] = {};
#pragma unroll
    for (int n = 0; n < kOwnKeys; ++n) {
      if (!group.has_keys(n)) continue;
      const float weight = expf(logits[n] - shift);
      total += weight;
      add_scaled(sums, (kept >> group.key(n) & 1) != 0 ? weight : 0.0f, values[n]);
    }
    total = group.sum_of_parts(total);
    const float factor = total == 0.0f ? 0.0f : mask.scale / total;
#pragma unroll
    for (int c = 0; c < kColumns; ++c) sums[c] = factor * group.sum_of_parts(sums[c]);
    if (group.part == 0) group.write(args.out, i, group.q_len, sums);
    if (group.number == i) own_lse = total == 0.0f ? -INFINITY : maximum + logf(total);
  }
  if (group.exists && group.number < group.q_len)
    static_cast<float*>(args.lse)[group.pair * shape.q_len + group.number] = own_lse;
}

/// The row of the lane's n-th key: from registers, or, where these hold none, from memory.
template <typename Group, int kRows>
__device__ __forceinline__ void get_own_row(float (&row)[Group::kColumns],
                                            const float (&rows)[kRows][Group::kColumns],
                                            const Group& group, const AttentionOperand& x, int n) {
  if constexpr (kRows == Group::kOwnKeys) {
#pragma unroll
    for (int c = 0; c < Group::kColumns; ++c) row[c] = rows[n][c];
  } else {
    Group::convert(row, group.load(x, group.key(n), group.kv_len));
  }
}

/// grad_q, grad_k, grad_v (=|+=).
template <typename T, int kHead, int kKeys>
__global__ void __launch_bounds__(kShortThreads)
    attention_backward_short_lanes_per_head_kernel(AttentionBackwardArgs args, DropoutMask mask) {
  using Group = ShortGroup<T, kHead, kKeys>;
  constexpr int kColumns = Group::kColumns, kOwnKeys = Group::kOwnKeys;
  // More rows than that do not fit into the registers beside their gradients; then each query reads
  // them again.
  constexpr int kKept = kOwnKeys * kColumns <= 32 ? kOwnKeys : 1;
  const AttentionShape& shape = args.shape;
  const Group group(shape);
  auto next_query = group.load(args.q, 0, group.q_len),
       next_grad_out = group.load(args.grad_out, 0, group.q_len);
  float keys[kKept][kColumns], values[kKept][kColumns];
  if constexpr (kKept == kOwnKeys) group.load(keys, values, args.k, args.v);
  const unsigned allowed = group.allowed_keys(args.key_mask);
  const float own_lse =
      group.exists && group.number < group.q_len
          ? static_cast<const float*>(args.lse)[group.pair * shape.q_len + group.number]
          : 0.0f;
  const auto scale = static_cast<float>(shape.scale);
  float grad_keys[kOwnKeys][kColumns] = {}, grad_values[kOwnKeys][kColumns] = {};
#pragma unroll 1
  for (int i = 0; i < group.q_len; ++i) {
    float query[kColumns], grad_out[kColumns];
    Group::convert(query, next_query);
    Group::convert(grad_out, next_grad_out);
    next_query = group.load(args.q, i + 1, group.q_len);
    next_grad_out = group.load(args.grad_out, i + 1, group.q_len);
    const float lse = group.of_lane(own_lse, i);
    // Every allowed logit was -inf: no weight, where e^(-inf - -inf) would be NaN.
    const unsigned seen = lse == -INFINITY ? 0 : seen_keys(shape, allowed, i),
                   kept = group.kept_keys(mask, shape, i);
    float weights[kOwnKeys] = {}, grad_weights[kOwnKeys] = {}, delta = 0.0f;
#pragma unroll
    for (int n = 0; n < kOwnKeys; ++n) {
      if (!group.has_keys(n)) continue;
      float row[kColumns];
      get_own_row(row, keys, group, args.k, n);
      const float logit = scale * group.dot(query, row);
      get_own_row(row, values, group, args.v, n);
      const float grad_weight = group.dot(grad_out, row);
      const bool is_seen = (seen >> group.key(n) & 1) != 0;
      const float keep = (kept >> group.key(n) & 1) != 0 ? mask.scale : 0.0f;
      weights[n] = is_seen ? expf(logit - lse) : 0.0f;
      grad_weights[n] = is_seen ? grad_weight * keep : 0.0f;
      delta += weights[n] * grad_weights[n];
      add_scaled(grad_values[n], weights[n] * keep, grad_out);
    }
    delta = group.sum_of_parts(delta);
    float grad_query[kColumns] = {};
#pragma unroll
    for (int n = 0; n < kOwnKeys; ++n) {
      if (!group.has_keys(n)) continue;
      const float grad_product = scale * weights[n] * (grad_weights[n] - delta);
      float row[kColumns];
      get_own_row(row, keys, group, args.k, n);
      add_scaled(grad_query, grad_product, row);
      add_scaled(grad_keys[n], grad_product, query);
    }
#pragma unroll
    for (int c = 0; c < kColumns; ++c) grad_query[c] = group.sum_of_parts(grad_query[c]);
    if (group.part == 0 && args.grad_q.data != nullptr)
      group.write(args.grad_q, i, group.q_len, grad_query);
  }
#pragma unroll
  for (int n = 0; n < kOwnKeys; ++n) {
    if (args.grad_k.data != nullptr)
      group.write(args.grad_k, group.key(n), group.kv_len, grad_keys[n]);
    if (args.grad_v.data != nullptr)
      group.write(args.grad_v, group.key(n), group.kv_len, grad_values[n]);
  }
}

/// Calls f(largest head size, most tokens), as constants.
template <typename F>
void dispatch_short(const AttentionShape& shape, const F& f) {
  const auto with_keys = [&](auto size) {
    if (shape.q_len <= 8 && shape.kv_len <= 8) return f(size, std::integral_constant<int, 8>{});
    return f(size, std::integral_constant<int, 16>{});
  };
  if (shape.head_size <= 32) return with_keys(std::integral_constant<int, 32>{});
  if (shape.head_size <= 64) return with_keys(std::integral_constant<int, 64>{});
  return with_keys(std::integral_constant<int, 128>{});
}

template <typename Group>
dim3 blocks_of(const AttentionShape& shape) {
  return dim3(static_cast<unsigned>((shape.batch * shape.heads + Group::kGroupsOfBlock - 1) /
                                    Group::kGroupsOfBlock));
}

}  // namespace

void attention_forward_short(const Context& context, const AttentionForwardArgs& args) {
  const AttentionShape& shape = args.shape;
  dispatch("attention", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    dispatch_short(shape, [&](auto size, auto tokens) {
      simt::launch(context,
                   {"attention_forward_short", blocks_of<ShortGroup<T, size, tokens>>(shape),
                    dim3(kShortThreads)},
                   attention_forward_short_lanes_per_head_kernel<T, size, tokens>, args,
                   weights_mask(shape));
    });
  });
}

void attention_backward_short(const Context& context, const AttentionBackwardArgs& args) {
  const AttentionShape& shape = args.shape;
  if (shape.batch * shape.heads == 0) return;
  dispatch("attention", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    dispatch_short(shape, [&](auto size, auto tokens) {
      simt::launch(context,
                   {"attention_backward_short", blocks_of<ShortGroup<T, size, tokens>>(shape),
                    dim3(kShortThreads)},
                   attention_backward_short_lanes_per_head_kernel<T, size, tokens>, args,
                   weights_mask(shape));
    });
  });
}

}  // namespace seqpe::kernels::cuda
