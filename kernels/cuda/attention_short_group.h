// The lanes that share one (sequence, head) of short attention. They are laid out as kParts rows of
// kAcross: a lane holds kColumns neighbouring columns, 16 bytes of a row of queries, keys or
// values, and of the keys those with the numbers part + kParts * n. Neighbouring groups hold
// neighbouring heads, so that a warp asks for whole sectors. Lane number t also keeps what is one
// number for query t or key t: the log-sum-exp, whether the key is padding, whether dropout keeps
// its weight.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/cuda/attention_weight_number.h"
#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kShortThreads = 128;  // of a block

/// Heads of at most kHead columns, at most kKeys queries and keys.
template <typename T, int kHead, int kKeys>
class ShortGroup {
 public:
  static constexpr int kColumns = simt::kPackSize<T>, kAcross = kHead / kColumns;
  // 32 elements of keys a lane, where a warp has the lanes for it: with those of values and both
  // gradients 128 registers.
  static constexpr int kWantedParts = kKeys * kColumns / 32;
  static constexpr int kParts = kWantedParts < 32 / kAcross ? kWantedParts : 32 / kAcross;
  static constexpr int kLanes = kAcross * kParts, kOwnKeys = kKeys / kParts;
  static_assert(kParts >= 1 && kLanes >= kKeys && kLanes <= 32);
  static constexpr int kGroupsOfBlock = kShortThreads / kLanes;

  __device__ __forceinline__ explicit ShortGroup(const AttentionShape& shape)
      : number(static_cast<int>(threadIdx.x) % kLanes),
        part(number / kAcross),
        q_len(static_cast<int>(shape.q_len)),
        kv_len(static_cast<int>(shape.kv_len)),
        pair(blockIdx.x * kGroupsOfBlock + threadIdx.x / kLanes),
        column_(number % kAcross * kColumns) {
    const auto heads = static_cast<unsigned>(shape.heads);
    b = static_cast<int>(pair / heads);
    h = static_cast<int>(pair % heads);
    exists = b < shape.batch;
    has_columns_ = exists && column_ < shape.head_size;
  }

  /// The number of the lane's n-th key.
  __device__ __forceinline__ int key(int n) const { return part + kParts * n; }
  /// Whether any lane has an n-th key: the same for all, as shuffles need it.
  __device__ __forceinline__ bool has_keys(int n) const { return kParts * n < kv_len; }

  /// The lane's columns of a row as they lie in memory, in registers of 32 bits.
  using Words = simt::Pack<std::uint32_t, 4>;
  /// Of row t; zeros where there is no such row or column. To convert them at once is to wait for
  /// this load before the next is sent.
  __device__ __forceinline__ Words load(const AttentionOperand& x, int t, int rows) const {
    const T* row = begin<const T>(x) + t * x.token_stride;
    Words words = {};
    if (has_columns_ && t < rows)
      words = simt::load_pack<4>(reinterpret_cast<const std::uint32_t*>(row));
    return words;
  }
  static __device__ __forceinline__ void convert(float (&values)[kColumns], const Words& words) {
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const std::uint32_t word = words.values[w];
      if constexpr (kColumns == 4) {
        values[w] = __uint_as_float(word);
      } else {
        values[2 * w] = __uint_as_float(word << 16);
        values[2 * w + 1] = __uint_as_float(word & 0xffff0000u);
      }
    }
  }
  /// The rows of the lane's keys.
  __device__ __forceinline__ void load(float (&keys)[kOwnKeys][kColumns],
                                       float (&values)[kOwnKeys][kColumns],
                                       const AttentionOperand& k, const AttentionOperand& v) const {
    Words key_words[kOwnKeys], value_words[kOwnKeys];
#pragma unroll
    for (int n = 0; n < kOwnKeys; ++n) key_words[n] = load(k, key(n), kv_len);
#pragma unroll
    for (int n = 0; n < kOwnKeys; ++n) value_words[n] = load(v, key(n), kv_len);
#pragma unroll
    for (int n = 0; n < kOwnKeys; ++n) {
      convert(keys[n], key_words[n]);
      convert(values[n], value_words[n]);
    }
  }
  /// Row t (=|+=) values.
  __device__ __forceinline__ void write(const AttentionOutput& x, int t, int rows,
                                        const float (&values)[kColumns]) const {
    if (has_columns_ && t < rows) write_floats(begin<T>(x) + t * x.token_stride, values, x.write);
  }

  // Every lane of the warp must call what follows.

  /// The product of two rows, from the lanes' columns.
  __device__ __forceinline__ float dot(const float (&x)[kColumns],
                                       const float (&y)[kColumns]) const {
    float sum = 0.0f;
#pragma unroll
    for (int c = 0; c < kColumns; ++c) sum += x[c] * y[c];
#pragma unroll
    for (int lanes = 1; lanes < kAcross; lanes *= 2)
      sum += __shfl_xor_sync(simt::kAllLanes, sum, lanes);
    return sum;
  }
  /// Over the keys of all parts.
  __device__ __forceinline__ float sum_of_parts(float value) const {
#pragma unroll
    for (int lanes = kAcross; lanes < kLanes; lanes *= 2)
      value += __shfl_xor_sync(simt::kAllLanes, value, lanes);
    return value;
  }
  __device__ __forceinline__ float max_of_parts(float value) const {
#pragma unroll
    for (int lanes = kAcross; lanes < kLanes; lanes *= 2)
      value = fmaxf(value, __shfl_xor_sync(simt::kAllLanes, value, lanes));
    return value;
  }
  /// What lane number t of the group gives.
  __device__ __forceinline__ float of_lane(float value, int t) const {
    return __shfl_sync(simt::kAllLanes, value, t, kLanes);
  }
  /// Bit j: what lane number j says.
  __device__ __forceinline__ unsigned bits(bool own) const {
    return __ballot_sync(simt::kAllLanes, own) >> (threadIdx.x % 32 - number);
  }
  /// Bit j: whether key j exists and is not padding.
  __device__ __forceinline__ unsigned allowed_keys(const std::uint8_t* key_mask) const {
    bool allowed = exists && number < kv_len;
    if (allowed && key_mask != nullptr)
      allowed = key_mask[static_cast<std::int64_t>(b) * kv_len + number] != 0;
    return bits(allowed);
  }
  /// Bit j: whether dropout keeps the weight of query i and key j.
  __device__ __forceinline__ unsigned kept_keys(const DropoutMask& mask,
                                                const AttentionShape& shape, int i) const {
    if (!mask.active) return simt::kAllLanes;  // the whole grid
    const auto weight = static_cast<std::uint64_t>(weight_number(shape, b, h, i, number));
    return bits(mask.keep_bits<1>(mask.key_now(), weight) != 0);
  }

  int number, part;  // of the lane in the group
  int q_len, kv_len;
  unsigned pair;
  int b, h;
  bool exists;  // false: a group behind the last (sequence, head)

 private:
  /// Where the lane's columns of row 0 lie.
  template <typename U, typename Operand>
  __device__ __forceinline__ U* begin(const Operand& x) const {
    return static_cast<U*>(x.data) + b * x.batch_stride + h * x.head_stride + column_;
  }

  int column_;
  bool has_columns_;
};

/// Those of `keys` that query i sees.
__device__ __forceinline__ unsigned seen_keys(const AttentionShape& shape, unsigned keys, int i) {
  if (!shape.causal) return keys;
  const int seen = i + 1 + static_cast<int>(shape.kv_len - shape.q_len);  // at most 16
  return seen <= 0 ? 0 : keys & ((1u << seen) - 1);
}

}  // namespace seqpe::kernels::cuda
