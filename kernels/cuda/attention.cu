// The launchers, which choose: at most 16 tokens go to the kernels of attention_short.h, what
// tensor cores take to those of attention_mma.h, the rest to FMA units, whose kernels are here.
// Those compute in float32 throughout; attention_tile.h tells how a block walks.
//
// Forward keeps for each query the running maximum, the sum of exponentials and the weighted values
// (online softmax). Backward recomputes the weights P from the log-sum-exp. With dP = dO V^T, delta
// = rowsum(dO O), dS = P (dP - delta):
//   d[q ; pe_q] = dS [k ; pe_k] by blocks of queries,  d[k ; pe_k] = dS^T [q ; pe_q] and dV = P^T
//   dO by blocks of keys.
// Gradients of pe lie by (sequence, head) first and are then added up in order: no atomics.
#include "kernels/attention.h"

#include "kernels/common/error.h"
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
  const int head = static_cast<int>(shape.head_size), pe = static_cast<int>(shape.pe_size),
            width = head + pe;
  const int values = static_cast<int>(shape.value_size), stride = odd_stride(width);
  float* queries = reinterpret_cast<float*>(bytes);
  float* keys = queries + kRows * width;
  float* value_rows = keys + 32 * stride;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const AttentionPlace place = place_of_block(shape, shape.q_len);
  const auto scale = static_cast<float>(shape.scale),
             pe_scale = static_cast<float>(shape.scale * shape.pe_scale);
  load_rows<T>(queries, kRows, width, place, place.begin, shape.q_len, args.q, head, scale,
               args.pe_q, pe, pe_scale);

  float maxima[kRowsOfWarp], totals[kRowsOfWarp] = {}, sums[kRowsOfWarp][kValueColumnsOfLane] = {};
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) maxima[r] = -INFINITY;
  // Keys that the block's last query sees.
  const std::int64_t last = place.begin + kRows < shape.q_len ? place.begin + kRows : shape.q_len;
  const std::int64_t seen = shape.causal ? last + shape.kv_len - shape.q_len : shape.kv_len;
  for (std::int64_t j = 0; j < seen; j += 32) {
    __syncthreads();  // the tile before has been read
    load_rows<T>(keys, 32, stride, place, j, shape.kv_len, args.k, head, 1.0f, args.pe_k, pe, 1.0f);
    load_rows<T>(value_rows, 32, values, place, j, shape.kv_len, args.v, values, 1.0f, args.pe_k, 0,
                 1.0f);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = warp * kRowsOfWarp + r;
      const std::int64_t i = place.begin + row;
      const bool allowed = is_allowed(shape, args.key_mask, place.b, i, j + lane);
      const float logit =
          allowed ? dot(queries + row * width, keys + lane * stride, width) : -INFINITY;
      const float maximum = fmaxf(maxima[r], warp_max(logit));
      // No key allowed so far: -inf - -inf would be NaN.
      const float shift = maximum == -INFINITY ? 0.0f : maximum;
      const float weight = allowed ? expf(logit - shift) : 0.0f, rescale = expf(maxima[r] - shift);
      totals[r] = totals[r] * rescale + warp_sum(weight);
#pragma unroll
      for (int n = 0; n < kValueColumnsOfLane; ++n) sums[r][n] *= rescale;
      maxima[r] = maximum;
      weights[warp][r][lane] =
          allowed ? weight * keep_factor(mask, shape, place, i, j + lane) : 0.0f;
    }
    __syncwarp();
    add_weighted_rows(sums, weights[warp], value_rows, values, values, lane);
    __syncwarp();  // the next tile writes other weights
  }
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) {
    const std::int64_t i = place.begin + warp * kRowsOfWarp + r;
    if (i >= shape.q_len) continue;
    const float factor = totals[r] == 0.0f ? 0.0f : 1.0f / totals[r];
#pragma unroll
    for (int n = 0; n < kValueColumnsOfLane; ++n) {
      const int c = lane + 32 * n;
      if (c < values) write_element<T>(args.out, place.b, i, place.h, c, sums[r][n] * factor);
    }
    if (lane == 0) {
      static_cast<float*>(args.lse)[(place.b * shape.heads + place.h) * shape.q_len + i] =
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
  const int head = static_cast<int>(shape.head_size), pe = static_cast<int>(shape.pe_size),
            width = head + pe;
  const int values = static_cast<int>(shape.value_size), stride = odd_stride(width),
            value_stride = odd_stride(values);
  float* queries = reinterpret_cast<float*>(bytes);
  float* grad_out = queries + kRows * width;
  float* keys = grad_out + kRows * values;
  float* value_rows = keys + 32 * stride;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const AttentionPlace place = place_of_block(shape, shape.q_len);
  const auto scale = static_cast<float>(shape.scale),
             pe_scale = static_cast<float>(shape.scale * shape.pe_scale);
  load_rows<T>(queries, kRows, width, place, place.begin, shape.q_len, args.q, head, scale,
               args.pe_q, pe, pe_scale);
  load_rows<T>(grad_out, kRows, values, place, place.begin, shape.q_len, args.grad_out, values,
               1.0f, args.pe_q, 0, 1.0f);

  const std::int64_t first_row = (place.b * shape.heads + place.h) * shape.q_len;
  float sums[kRowsOfWarp][kColumnsOfLane] = {};
  const std::int64_t last = place.begin + kRows < shape.q_len ? place.begin + kRows : shape.q_len;
  const std::int64_t seen = shape.causal ? last + shape.kv_len - shape.q_len : shape.kv_len;
  for (std::int64_t j = 0; j < seen; j += 32) {
    __syncthreads();  // the tile before has been read
    load_rows<T>(keys, 32, stride, place, j, shape.kv_len, args.k, head, 1.0f, args.pe_k, pe, 1.0f);
    load_rows<T>(value_rows, 32, value_stride, place, j, shape.kv_len, args.v, values, 1.0f,
                 args.pe_k, 0, 1.0f);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = warp * kRowsOfWarp + r;
      const std::int64_t i = place.begin + row;
      float gradient = 0.0f;
      if (is_allowed(shape, args.key_mask, place.b, i, j + lane)) {
        const float logit = dot(queries + row * width, keys + lane * stride, width);
        const float grad_weight =
            dot(grad_out + row * values, value_rows + lane * value_stride, values);
        gradient =
            weight_gradient(logit, static_cast<const float*>(args.lse)[first_row + i], grad_weight,
                            delta[first_row + i], keep_factor(mask, shape, place, i, j + lane))
                .logit;
      }
      grad_logits[warp][r][lane] = gradient;
    }
    __syncwarp();
    add_weighted_rows(sums, grad_logits[warp], keys, stride, width, lane);
    __syncwarp();  // the next tile writes other gradients
  }
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) {
    const std::int64_t i = place.begin + warp * kRowsOfWarp + r;
    if (i >= shape.q_len) continue;
#pragma unroll
    for (int n = 0; n < kColumnsOfLane; ++n) {
      const int c = lane + 32 * n;
      if (c < head && args.grad_q.data != nullptr)
        write_element<T>(args.grad_q, place.b, i, place.h, c, sums[r][n] * scale);
      if (c >= head && c < width && by_sequence != nullptr)
        by_sequence[(first_row + i) * pe + c - head] = sums[r][n] * pe_scale;
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
  const int head = static_cast<int>(shape.head_size), pe = static_cast<int>(shape.pe_size),
            width = head + pe;
  const int values = static_cast<int>(shape.value_size), stride = odd_stride(width),
            value_stride = odd_stride(values);
  float* keys = reinterpret_cast<float*>(bytes);
  float* value_rows = keys + kRows * width;
  float* queries = value_rows + kRows * values;
  float* grad_out = queries + 32 * stride;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const AttentionPlace place = place_of_block(shape, shape.kv_len);
  const auto scale = static_cast<float>(shape.scale),
             pe_scale = static_cast<float>(shape.scale * shape.pe_scale);
  load_rows<T>(keys, kRows, width, place, place.begin, shape.kv_len, args.k, head, 1.0f, args.pe_k,
               pe, 1.0f);
  load_rows<T>(value_rows, kRows, values, place, place.begin, shape.kv_len, args.v, values, 1.0f,
               args.pe_k, 0, 1.0f);

  const std::int64_t pair = place.b * shape.heads + place.h;
  float key_sums[kRowsOfWarp][kColumnsOfLane] = {},
        value_sums[kRowsOfWarp][kValueColumnsOfLane] = {};
  // The first query that sees the block's first key.
  const std::int64_t sees = shape.causal ? place.begin - (shape.kv_len - shape.q_len) : 0;
  for (std::int64_t i = sees > 0 ? sees / 32 * 32 : 0; i < shape.q_len; i += 32) {
    __syncthreads();  // the tile before has been read
    load_rows<T>(queries, 32, stride, place, i, shape.q_len, args.q, head, scale, args.pe_q, pe,
                 pe_scale);
    load_rows<T>(grad_out, 32, value_stride, place, i, shape.q_len, args.grad_out, values, 1.0f,
                 args.pe_q, 0, 1.0f);
    __syncthreads();
    const std::int64_t query = i + lane;
    const bool exists = query < shape.q_len;
    const float lse =
        exists ? static_cast<const float*>(args.lse)[pair * shape.q_len + query] : 0.0f;
    const float query_delta = exists ? delta[pair * shape.q_len + query] : 0.0f;
#pragma unroll
    for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = warp * kRowsOfWarp + r;
      const std::int64_t j = place.begin + row;
      WeightGradient gradient;
      if (is_allowed(shape, args.key_mask, place.b, query, j)) {
        const float logit = dot(keys + row * width, queries + lane * stride, width);
        const float grad_weight =
            dot(value_rows + row * values, grad_out + lane * value_stride, values);
        gradient = weight_gradient(logit, lse, grad_weight, query_delta,
                                   keep_factor(mask, shape, place, query, j));
      }
      weights[warp][r][lane] = gradient.weight;
      grad_logits[warp][r][lane] = gradient.logit;
    }
    __syncwarp();
    add_weighted_rows(key_sums, grad_logits[warp], queries, stride, width, lane);
    add_weighted_rows(value_sums, weights[warp], grad_out, value_stride, values, lane);
    __syncwarp();  // the next tile writes other weights
  }
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) {
    const std::int64_t j = place.begin + warp * kRowsOfWarp + r;
    if (j >= shape.kv_len) continue;
#pragma unroll
    for (int n = 0; n < kColumnsOfLane; ++n) {
      const int c = lane + 32 * n;
      if (c < head && args.grad_k.data != nullptr)
        write_element<T>(args.grad_k, place.b, j, place.h, c, key_sums[r][n]);
      if (c >= head && c < width && by_sequence != nullptr)
        by_sequence[(pair * shape.kv_len + j) * pe + c - head] = key_sums[r][n];
    }
#pragma unroll
    for (int n = 0; n < kValueColumnsOfLane; ++n) {
      const int c = lane + 32 * n;
      if (c < values && args.grad_v.data != nullptr)
        write_element<T>(args.grad_v, place.b, j, place.h, c, value_sums[r][n]);
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

}  // namespace

void check_attention(const AttentionShape& shape) {
  require(shape.head_size <= kLargestCudaHead && shape.pe_size <= kLargestCudaHead &&
              shape.value_size <= kLargestCudaHead,
          "[attention] heads on a cuda device may have at most {} columns, got {} of q and k, {} "
          "of pe, {} of v.",
          kLargestCudaHead, shape.head_size, shape.pe_size, shape.value_size);
}

void attention_forward(const Context& context, const AttentionForwardArgs& args) {
  const AttentionShape& shape = args.shape;
  check_attention(shape);
  if (shape.batch * shape.heads * shape.q_len == 0) return;
  if (is_for_short(args)) return attention_forward_short(context, args);
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
  if (is_for_mma(args)) return attention_backward_mma(context, args);
  dispatch("attention", args.dtype,
           [&](auto tag) { backward<typename decltype(tag)::type>(context, args); });
}

}  // namespace seqpe::kernels::cuda
