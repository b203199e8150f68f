// The launchers, which choose: at most 16 tokens go to the kernels of attention_short.h, the rest
// to cuDNN if it was asked for and can (attention_cudnn.h); else what tensor cores take to the
// kernels of attention_mma.h, and what is left to FMA units, whose kernels are here. Those compute
// in float32 throughout; attention_tile.h tells how a block walks.
//
// Forward keeps for each query the running maximum, the sum of exponentials and the weighted values
// (online softmax). Backward recomputes the weights P from the log-sum-exp. With dP = dO V^T, delta
// = rowsum(dO O), dS = P (dP - delta):
//   d[q ; pe_q] = dS [k ; pe_k] by blocks of queries,  d[k ; pe_k] = dS^T [q ; pe_q] and dV = P^T
//   dO by blocks of keys.
// Gradients of pe lie by (sequence, head) first and are then added up in order: no atomics.
#include "kernels/attention.h"

#include "kernels/common/error.h"
#include "kernels/cuda/attention_cudnn.h"
#include "kernels/cuda/attention_mma.h"
#include "kernels/cuda/attention_position_sum.h"
#include "kernels/cuda/attention_short.h"
#include "kernels/cuda/attention_tile.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/scratch.h"

namespace seqpe::kernels::cuda {
namespace {

/// out (=|+=) softmax(logits) v, lse = log-sum-exp. Shared: queries [kRows, width], keys [32, odd],
/// values [32, value_size].
template <typename T>
__global__ void __launch_bounds__(kAttentionThreads)
    attention_forward_lane_per_key_kernel(AttentionForwardArgs args, DropoutMask mask) {
  SEQPE_SHARED_DYNAMIC(bytes);
  SEQPE_SHARED(float[kAttentionWarps][kRowsOfWarp][32], weights);
  const AttentionShape& shape = args.shape;
  const AttentionBlock block = this_block(shape, shape.q_len);
  const int lane = block.lane, warp = block.warp;
  const SharedRows queries{reinterpret_cast<float*>(bytes), kRows, block.width},
      keys{queries.end(), 32, odd_stride(block.width)}, value_rows{keys.end(), 32, block.values};
  load_queries<T>(queries, args, block, block.begin);

  float maxima[kRowsOfWarp], totals[kRowsOfWarp] = {}, sums[kRowsOfWarp][kValueColumnsOfLane] = {};
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) maxima[r] = -INFINITY;
  const std::int64_t seen = keys_seen(shape, block);
  for (std::int64_t j = 0; j < seen; j += 32) {
    __syncthreads();  // the tile before has been read
    load_keys<T>(keys, args, block, j);
    load_values<T>(value_rows, args.v, block, j, shape.kv_len);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = warp * kRowsOfWarp + r;
      const std::int64_t i = block.begin + row;
      const bool allowed = is_allowed(shape, args.key_mask, block.b, i, j + lane);
      const float logit = allowed ? dot(queries[row], keys[lane], block.width) : -INFINITY;
      const float maximum = fmaxf(maxima[r], warp_max(logit));
      // No key allowed so far: -inf - -inf would be NaN.
      const float shift = maximum == -INFINITY ? 0.0f : maximum;
      const float weight = allowed ? expf(logit - shift) : 0.0f, rescale = expf(maxima[r] - shift);
      totals[r] = totals[r] * rescale + warp_sum(weight);
#pragma unroll
      for (int n = 0; n < kValueColumnsOfLane; ++n) sums[r][n] *= rescale;
      maxima[r] = maximum;
      weights[warp][r][lane] =
          allowed ? weight * keep_factor(mask, shape, block, i, j + lane) : 0.0f;
    }
    __syncwarp();
    add_weighted_rows(sums, weights[warp], value_rows.data, block.values, block.values, lane);
    __syncwarp();  // the next tile writes other weights
  }
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) {
    const std::int64_t i = block.begin + warp * kRowsOfWarp + r;
    if (i >= shape.q_len) continue;
    const float factor = totals[r] == 0.0f ? 0.0f : 1.0f / totals[r];
#pragma unroll
    for (int n = 0; n < kValueColumnsOfLane; ++n) {
      const int c = lane + 32 * n;
      if (c < block.values) write_element<T>(args.out, block.b, i, block.h, c, sums[r][n] * factor);
    }
    if (lane == 0) {
      static_cast<float*>(args.lse)[(block.b * shape.heads + block.h) * shape.q_len + i] =
          totals[r] == 0.0f ? -INFINITY : maxima[r] + logf(totals[r]);
    }
  }
}

/// What backward needs of a weight: itself with dropout, and the gradient of its logit.
struct WeightGradient {
  float weight = 0.0f, logit = 0.0f;
};

__device__ __forceinline__ WeightGradient weight_gradient(float logit, float lse, float grad_weight,
                                                          float delta, float keep) {
  WeightGradient gradient;
  // Every allowed logit was -inf: no weight, where e^(-inf - -inf) would be NaN.
  if (lse == -INFINITY) return gradient;
  const float p = expf(logit - lse);
  gradient.weight = p * keep;
  gradient.logit = p * (grad_weight * keep - delta);
  return gradient;
}

/// delta[b, h, i] = sum over c of grad_out * out; a warp a query.
template <typename T>
__global__ void __launch_bounds__(kAttentionThreads)
    attention_delta_warp_per_query_kernel(float* __restrict__ delta, AttentionBackwardArgs args,
                                          std::int64_t rows) {
  const std::int64_t row =
      static_cast<std::int64_t>(blockIdx.x) * kAttentionWarps + threadIdx.x / 32;
  if (row >= rows) return;  // a whole warp
  const AttentionShape& shape = args.shape;
  const std::int64_t i = row % shape.q_len, h = row / shape.q_len % shape.heads,
                     b = row / shape.q_len / shape.heads;
  const T *grad = head_row<T>(args.grad_out, b, i, h), *out = head_row<T>(args.out, b, i, h);
  float sum = 0.0f;
  for (int c = static_cast<int>(threadIdx.x) % 32; c < shape.value_size; c += 32)
    sum += simt::to_float(grad[c]) * simt::to_float(out[c]);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) delta[row] = sum;
}

/// grad_q (=|+=); by_sequence [batch, heads, q_len, pe_size] (=) the gradient of pe_q, or null.
/// Shared: queries [kRows, width], grad_out [kRows, value_size], keys [32, odd], values [32, odd].
template <typename T>
__global__ void __launch_bounds__(kAttentionThreads)
    attention_backward_queries_lane_per_key_kernel(AttentionBackwardArgs args,
                                                   const float* __restrict__ delta,
                                                   float* __restrict__ by_sequence,
                                                   DropoutMask mask) {
  SEQPE_SHARED_DYNAMIC(bytes);
  SEQPE_SHARED(float[kAttentionWarps][kRowsOfWarp][32], grad_logits);
  const AttentionShape& shape = args.shape;
  const AttentionBlock block = this_block(shape, shape.q_len);
  const int lane = block.lane, warp = block.warp;
  const SharedRows queries{reinterpret_cast<float*>(bytes), kRows, block.width},
      grad_out{queries.end(), kRows, block.values},
      keys{grad_out.end(), 32, odd_stride(block.width)},
      value_rows{keys.end(), 32, odd_stride(block.values)};
  load_queries<T>(queries, args, block, block.begin);
  load_values<T>(grad_out, args.grad_out, block, block.begin, shape.q_len);

  const std::int64_t first_row = (block.b * shape.heads + block.h) * shape.q_len;
  float sums[kRowsOfWarp][kColumnsOfLane] = {};
  const std::int64_t seen = keys_seen(shape, block);
  for (std::int64_t j = 0; j < seen; j += 32) {
    __syncthreads();  // the tile before has been read
    load_keys<T>(keys, args, block, j);
    load_values<T>(value_rows, args.v, block, j, shape.kv_len);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = warp * kRowsOfWarp + r;
      const std::int64_t i = block.begin + row;
      float gradient = 0.0f;
      if (is_allowed(shape, args.key_mask, block.b, i, j + lane)) {
        const float logit = dot(queries[row], keys[lane], block.width);
        const float grad_weight = dot(grad_out[row], value_rows[lane], block.values);
        gradient =
            weight_gradient(logit, static_cast<const float*>(args.lse)[first_row + i], grad_weight,
                            delta[first_row + i], keep_factor(mask, shape, block, i, j + lane))
                .logit;
      }
      grad_logits[warp][r][lane] = gradient;
    }
    __syncwarp();
    add_weighted_rows(sums, grad_logits[warp], keys.data, keys.stride, block.width, lane);
    __syncwarp();  // the next tile writes other gradients
  }
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) {
    const std::int64_t i = block.begin + warp * kRowsOfWarp + r;
    if (i >= shape.q_len) continue;
#pragma unroll
    for (int n = 0; n < kColumnsOfLane; ++n) {
      const int c = lane + 32 * n;
      if (c < block.head && args.grad_q.data != nullptr)
        write_element<T>(args.grad_q, block.b, i, block.h, c, sums[r][n] * block.scale);
      if (c >= block.head && c < block.width && by_sequence != nullptr)
        by_sequence[(first_row + i) * block.pe + c - block.head] = sums[r][n] * block.pe_scale;
    }
  }
}

/// grad_k, grad_v (=|+=); by_sequence [batch, heads, kv_len, pe_size] (=) the gradient of pe_k, or
/// null. Shared: keys [kRows, width], values [kRows, value_size], queries [32, odd], grad_out [32,
/// odd].
template <typename T>
__global__ void __launch_bounds__(kAttentionThreads)
    attention_backward_keys_lane_per_query_kernel(AttentionBackwardArgs args,
                                                  const float* __restrict__ delta,
                                                  float* __restrict__ by_sequence,
                                                  DropoutMask mask) {
  SEQPE_SHARED_DYNAMIC(bytes);
  SEQPE_SHARED(float[kAttentionWarps][kRowsOfWarp][32], weights);
  SEQPE_SHARED(float[kAttentionWarps][kRowsOfWarp][32], grad_logits);
  const AttentionShape& shape = args.shape;
  const AttentionBlock block = this_block(shape, shape.kv_len);
  const int lane = block.lane, warp = block.warp;
  const SharedRows keys{reinterpret_cast<float*>(bytes), kRows, block.width},
      value_rows{keys.end(), kRows, block.values},
      queries{value_rows.end(), 32, odd_stride(block.width)},
      grad_out{queries.end(), 32, odd_stride(block.values)};
  load_keys<T>(keys, args, block, block.begin);
  load_values<T>(value_rows, args.v, block, block.begin, shape.kv_len);

  const std::int64_t pair = block.b * shape.heads + block.h;
  float key_sums[kRowsOfWarp][kColumnsOfLane] = {},
        value_sums[kRowsOfWarp][kValueColumnsOfLane] = {};
  // The first query that sees the block's first key.
  const std::int64_t sees = shape.causal ? block.begin - (shape.kv_len - shape.q_len) : 0;
  for (std::int64_t i = sees > 0 ? sees / 32 * 32 : 0; i < shape.q_len; i += 32) {
    __syncthreads();  // the tile before has been read
    load_queries<T>(queries, args, block, i);
    load_values<T>(grad_out, args.grad_out, block, i, shape.q_len);
    __syncthreads();
    const std::int64_t query = i + lane;
    const bool exists = query < shape.q_len;
    const float lse =
        exists ? static_cast<const float*>(args.lse)[pair * shape.q_len + query] : 0.0f;
    const float query_delta = exists ? delta[pair * shape.q_len + query] : 0.0f;
#pragma unroll
    for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = warp * kRowsOfWarp + r;
      const std::int64_t j = block.begin + row;
      WeightGradient gradient;
      if (is_allowed(shape, args.key_mask, block.b, query, j)) {
        const float logit = dot(keys[row], queries[lane], block.width);
        const float grad_weight = dot(value_rows[row], grad_out[lane], block.values);
        gradient = weight_gradient(logit, lse, grad_weight, query_delta,
                                   keep_factor(mask, shape, block, query, j));
      }
      weights[warp][r][lane] = gradient.weight;
      grad_logits[warp][r][lane] = gradient.logit;
    }
    __syncwarp();
    add_weighted_rows(key_sums, grad_logits[warp], queries.data, queries.stride, block.width, lane);
    add_weighted_rows(value_sums, weights[warp], grad_out.data, grad_out.stride, block.values,
                      lane);
    __syncwarp();  // the next tile writes other weights
  }
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) {
    const std::int64_t j = block.begin + warp * kRowsOfWarp + r;
    if (j >= shape.kv_len) continue;
#pragma unroll
    for (int n = 0; n < kColumnsOfLane; ++n) {
      const int c = lane + 32 * n;
      if (c < block.head && args.grad_k.data != nullptr)
        write_element<T>(args.grad_k, block.b, j, block.h, c, key_sums[r][n]);
      if (c >= block.head && c < block.width && by_sequence != nullptr)
        by_sequence[(pair * shape.kv_len + j) * block.pe + c - block.head] = key_sums[r][n];
    }
#pragma unroll
    for (int n = 0; n < kValueColumnsOfLane; ++n) {
      const int c = lane + 32 * n;
      if (c < block.values && args.grad_v.data != nullptr)
        write_element<T>(args.grad_v, block.b, j, block.h, c, value_sums[r][n]);
    }
  }
}

dim3 blocks_of(const AttentionShape& shape, std::int64_t tokens) {
  return dim3(static_cast<unsigned>((tokens + kRows - 1) / kRows * shape.batch * shape.heads));
}

/// Bytes of kRows rows of `rows` floats and 32 of `lanes` floats.
std::size_t tile_bytes(int rows, int lanes) {
  return sizeof(float) * (static_cast<std::size_t>(kRows) * static_cast<std::size_t>(rows) +
                          32 * static_cast<std::size_t>(lanes));
}

template <typename T>
void backward(const Context& context, const AttentionBackwardArgs& args) {
  const AttentionShape& shape = args.shape;
  const int width = static_cast<int>(shape.head_size + shape.pe_size),
            values = static_cast<int>(shape.value_size);
  const std::int64_t pairs = shape.batch * shape.heads, rows = pairs * shape.q_len;
  const auto floats = [](bool wanted, std::int64_t count) {
    return wanted ? static_cast<std::size_t>(count) * sizeof(float) : 0;
  };
  const bool wants_pe_q = args.grad_pe_q.data != nullptr,
             wants_pe_k = args.grad_pe_k.data != nullptr;
  const DeviceScratch delta(context, floats(true, rows));
  const DeviceScratch pe_q(context, floats(wants_pe_q, rows * shape.pe_size));
  const DeviceScratch pe_k(context, floats(wants_pe_k, pairs * shape.kv_len * shape.pe_size));
  const std::size_t bytes = tile_bytes(width + values, odd_stride(width) + odd_stride(values));
  const DropoutMask mask = weights_mask(shape);
  if (rows > 0) {
    simt::launch(context,
                 {"attention_delta",
                  dim3(static_cast<unsigned>((rows + kAttentionWarps - 1) / kAttentionWarps)),
                  dim3(kAttentionThreads)},
                 attention_delta_warp_per_query_kernel<T>, delta.as<float>(), args, rows);
    if (args.grad_q.data != nullptr || wants_pe_q) {
      simt::launch(context,
                   {"attention_backward_queries", blocks_of(shape, shape.q_len),
                    dim3(kAttentionThreads), bytes},
                   attention_backward_queries_lane_per_key_kernel<T>, args, delta.as<float>(),
                   wants_pe_q ? pe_q.as<float>() : nullptr, mask);
    }
  }
  if (pairs * shape.kv_len > 0 &&
      (args.grad_k.data != nullptr || args.grad_v.data != nullptr || wants_pe_k)) {
    simt::launch(
        context,
        {"attention_backward_keys", blocks_of(shape, shape.kv_len), dim3(kAttentionThreads), bytes},
        attention_backward_keys_lane_per_query_kernel<T>, args, delta.as<float>(),
        wants_pe_k ? pe_k.as<float>() : nullptr, mask);
  }
  sum_sequences<T>(context, args.grad_pe_q, pe_q, shape, shape.q_len);
  sum_sequences<T>(context, args.grad_pe_k, pe_k, shape, shape.kv_len);
}

/// Refuses heads that the kernels' registers do not hold.
void check_attention(const AttentionShape& shape) {
  require(shape.head_size <= kLargestCudaHead && shape.pe_size <= kLargestCudaHead &&
              shape.value_size <= kLargestCudaHead,
          "[attention] heads on a cuda device may have at most {} columns, got {} of q and k, {} "
          "of pe, {} of v.",
          kLargestCudaHead, shape.head_size, shape.pe_size, shape.value_size);
}

}  // namespace

void attention_forward(const Context& context, const AttentionForwardArgs& args) {
  const AttentionShape& shape = args.shape;
  check_attention(shape);
  if (shape.batch * shape.heads * shape.q_len == 0) return;
  if (is_for_short(args)) return attention_forward_short(context, args);
  if (attention_forward_cudnn(context, args)) return;
  if (is_for_mma(args)) return attention_forward_mma(context, args);
  dispatch("attention", args.dtype, [&](auto tag) {
    const int width = static_cast<int>(shape.head_size + shape.pe_size);
    const std::size_t bytes =
        tile_bytes(width, odd_stride(width) + static_cast<int>(shape.value_size));
    simt::launch(
        context,
        {"attention_forward", blocks_of(shape, shape.q_len), dim3(kAttentionThreads), bytes},
        attention_forward_lane_per_key_kernel<typename decltype(tag)::type>, args,
        weights_mask(shape));
  });
}

void attention_backward(const Context& context, const AttentionBackwardArgs& args) {
  check_attention(args.shape);
  if (is_for_short(args)) return attention_backward_short(context, args);
  if (attention_backward_cudnn(context, args)) return;
  if (is_for_mma(args)) return attention_backward_mma(context, args);
  dispatch("attention", args.dtype,
           [&](auto tag) { backward<typename decltype(tag)::type>(context, args); });
}

}  // namespace seqpe::kernels::cuda
