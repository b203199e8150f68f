// What attention's kernels share. A block of kThreads takes kRows rows (queries, or keys in the
// backward of keys and values), kRowsOfWarp a warp, and walks over tiles of 32 of the other side, a
// lane each: logits are dot products of a warp's row with a lane's row, both in shared memory as
// floats. Sums over the tile then go the other way round, a lane to a column.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/cuda/attention_weight_number.h"
#include "kernels/cuda/dropout_mask.h"
#include "kernels/cuda/warp_reduce.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kAttentionWarps = 4, kRowsOfWarp = 4;
constexpr int kAttentionThreads = 32 * kAttentionWarps, kRows = kAttentionWarps * kRowsOfWarp;
constexpr int kColumnsOfLane = 2 * kLargestCudaHead / 32;  // of [q ; pe_q]
constexpr int kValueColumnsOfLane = kLargestCudaHead / 32;

/// Rows of the other side lie an odd number of floats apart, so that the lanes' elements lie in
/// different banks.
__host__ __device__ __forceinline__ int odd_stride(int width) {
  return width | 1;
}

/// What a thread of each kernel begins with.
struct AttentionBlock {
  std::int64_t b, h, pe_block, begin;  // the block's (sequence, head) and the first of its rows
  int head, pe, width, values;         // columns of q and k, of pe, of both; of v and out
  float scale, pe_scale;               // what q and pe_q are multiplied by
  int lane, warp;
};

/// From the block's number; the tiles of its own side cut `tokens`.
__device__ __forceinline__ AttentionBlock this_block(const AttentionShape& shape,
                                                     std::int64_t tokens) {
  const std::int64_t tiles = (tokens + kRows - 1) / kRows, pair = blockIdx.x / tiles;
  const int thread = static_cast<int>(threadIdx.x);
  AttentionBlock block;
  block.b = pair / shape.heads;
  block.h = pair % shape.heads;
  block.pe_block = (shape.first_sequence + block.b) % shape.pe_blocks;
  block.begin = (blockIdx.x - pair * tiles) * kRows;
  block.head = static_cast<int>(shape.head_size);
  block.pe = static_cast<int>(shape.pe_size);
  block.width = block.head + block.pe;
  block.values = static_cast<int>(shape.value_size);
  block.scale = static_cast<float>(shape.scale);
  block.pe_scale = static_cast<float>(shape.scale * shape.pe_scale);
  block.lane = thread % 32;
  block.warp = thread / 32;
  return block;
}

/// `count` rows of floats in shared memory, `stride` apart.
struct SharedRows {
  float* data;
  int count, stride;

  __device__ __forceinline__ const float* operator[](int row) const { return data + row * stride; }
  __device__ __forceinline__ float* end() const { return data + count * stride; }
};

template <typename T>
__device__ __forceinline__ const T* head_row(const AttentionOperand& operand, std::int64_t b,
                                             std::int64_t t, std::int64_t h) {
  return static_cast<const T*>(operand.data) + b * operand.batch_stride + t * operand.token_stride +
         h * operand.head_stride;
}

/// rows[r] = [x * scale ; pe * pe_scale] of token begin + r; zeros beyond the last token.
template <typename T>
__device__ void load_rows(const SharedRows& rows, const AttentionBlock& block, std::int64_t begin,
                          std::int64_t tokens, const AttentionOperand& x, int size, float scale,
                          const AttentionOperand& pe, int pe_size, float pe_scale) {
  const int width = size + pe_size;
  for (int e = static_cast<int>(threadIdx.x); e < rows.count * width; e += kAttentionThreads) {
    const int r = e / width, c = e - r * width;
    const std::int64_t t = begin + r;
    float value = 0.0f;
    if (t < tokens) {
      value = c < size ? scale * simt::to_float(head_row<T>(x, block.b, t, block.h)[c])
                       : pe_scale *
                             simt::to_float(head_row<T>(pe, block.pe_block, t, block.h)[c - size]);
    }
    rows.data[r * rows.stride + c] = value;
  }
}

/// Queries [q ; pe_q] with the logits' scales, from query i.
template <typename T, typename Args>
__device__ __forceinline__ void load_queries(const SharedRows& rows, const Args& args,
                                             const AttentionBlock& block, std::int64_t i) {
  load_rows<T>(rows, block, i, args.shape.q_len, args.q, block.head, block.scale, args.pe_q,
               block.pe, block.pe_scale);
}

/// Keys [k ; pe_k] from key j.
template <typename T, typename Args>
__device__ __forceinline__ void load_keys(const SharedRows& rows, const Args& args,
                                          const AttentionBlock& block, std::int64_t j) {
  load_rows<T>(rows, block, j, args.shape.kv_len, args.k, block.head, 1.0f, args.pe_k, block.pe,
               1.0f);
}

/// Rows of v or of grad_out, of which there are `tokens`, from row `begin`.
template <typename T>
__device__ __forceinline__ void load_values(const SharedRows& rows, const AttentionOperand& values,
                                            const AttentionBlock& block, std::int64_t begin,
                                            std::int64_t tokens) {
  load_rows<T>(rows, block, begin, tokens, values, block.values, 1.0f, values, 0, 1.0f);
}

/// Keys that the last of the block's queries sees.
__device__ __forceinline__ std::int64_t keys_seen(const AttentionShape& shape,
                                                  const AttentionBlock& block) {
  if (!shape.causal) return shape.kv_len;
  const std::int64_t end = block.begin + kRows;
  return (end < shape.q_len ? end : shape.q_len) + shape.kv_len - shape.q_len;
}

__device__ __forceinline__ float dot(const float* a, const float* b, int count) {
  float sum = 0.0f;
  for (int c = 0; c < count; ++c) sum += a[c] * b[c];
  return sum;
}

/// Whether query i may attend to key j.
__device__ __forceinline__ bool is_allowed(const AttentionShape& shape,
                                           const std::uint8_t* key_mask, std::int64_t b,
                                           std::int64_t i, std::int64_t j) {
  if (i >= shape.q_len || j >= shape.kv_len) return false;
  if (shape.causal && j > i + shape.kv_len - shape.q_len) return false;
  return key_mask == nullptr || key_mask[b * shape.kv_len + j] != 0;
}

__device__ __forceinline__ float keep_factor(const DropoutMask& mask, const AttentionShape& shape,
                                             const AttentionBlock& block, std::int64_t i,
                                             std::int64_t j) {
  if (!mask.active) return 1.0f;
  float factor[1];
  mask.draw(factor, weight_number(shape, block.b, block.h, i, j));
  return factor[0];
}

/// sums[r][n] += sum over the tile's lanes l of weights[r][l] * tile[l, lane + 32 n], for the
/// warp's rows.
template <int kColumns>
__device__ __forceinline__ void add_weighted_rows(float (&sums)[kRowsOfWarp][kColumns],
                                                  const float (*weights)[32], const float* tile,
                                                  int stride, int columns, int lane) {
  for (int l = 0; l < 32; ++l) {
#pragma unroll
    for (int n = 0; n < kColumns; ++n) {
      const int c = lane + 32 * n;
      if (c < columns) {
        const float value = tile[l * stride + c];
#pragma unroll
        for (int r = 0; r < kRowsOfWarp; ++r) sums[r][n] += weights[r][l] * value;
      }
    }
  }
}

template <typename T>
__device__ __forceinline__ void write_element(const AttentionOutput& output, std::int64_t b,
                                              std::int64_t t, std::int64_t h, int c, float value) {
  T* target = static_cast<T*>(output.data) + b * output.batch_stride + t * output.token_stride +
              h * output.head_stride + c;
  *target = simt::from_float<T>(output.write == Write::accumulate ? simt::to_float(*target) + value
                                                                  : value);
}

}  // namespace seqpe::kernels::cuda
