// out = softmax(scale q k^T + causal mask) v, before it was the engine's kernel
// (kernels/cuda/attention_mma_forward.cu): the scores in memory; tiles of keys in shared memory and
// an online softmax; tensor cores.
#include "tests/cuda/lessons/attention_steps.h"

#include "kernels/attention.h"
#include "kernels/cuda/attention_mma.h"
#include "kernels/cuda/attention_tile.h"
#include "kernels/cuda/scratch.h"
#include "kernels/cuda/warp_reduce.h"
#include "kernels/device.h"
#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::lessons {
namespace {

using namespace kernels::cuda;

constexpr int D = kHeadSize;

/// Where the block's head begins in q, k, v and out.
__device__ __forceinline__ std::int64_t head_begin(const AttentionHeads& a) {
  return static_cast<std::int64_t>(blockIdx.y) * a.tokens * D;
}

constexpr int kQueriesInMemory = 64;

/// A thread a query. scores [heads, tokens, tokens] hold its logits, then its weights.
__global__ void __launch_bounds__(kQueriesInMemory)
    attention_scores_in_memory_kernel(AttentionHeads a, float* scores) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const bf16 *q = a.q + head_begin(a) + i * D, *k = a.k + head_begin(a), *v = a.v + head_begin(a);
  float* row = scores + (static_cast<std::int64_t>(blockIdx.y) * a.tokens + i) * a.tokens;
  float maximum = -INFINITY, total = 0.0f, query[D], sums[D] = {};
  for (int c = 0; c < D; ++c) query[c] = a.scale * simt::to_float(q[c]);
  for (int j = 0; j <= i; ++j) {
    float logit = 0.0f;
    for (int c = 0; c < D; ++c) logit += query[c] * simt::to_float(k[j * D + c]);
    row[j] = logit;
    maximum = fmaxf(maximum, logit);
  }
  for (int j = 0; j <= i; ++j) {
    const float weight = expf(row[j] - maximum);
    row[j] = weight;
    total += weight;
  }
  for (int j = 0; j <= i; ++j) {
    const float weight = row[j];
    for (int c = 0; c < D; ++c) sums[c] += weight * simt::to_float(v[j * D + c]);
  }
  bf16* out = a.out + head_begin(a) + i * D;
  for (int c = 0; c < D; ++c) out[c] = simt::from_float<bf16>(sums[c] / total);
}

/// tile[r * stride + c] = rows[r, c]
__device__ __forceinline__ void copy_rows(float* tile, int stride, const bf16* rows, int count) {
  for (int e = static_cast<int>(threadIdx.x); e < count * D; e += kAttentionThreads)
    tile[e / D * stride + e % D] = simt::to_float(rows[e]);
}

/// A block takes 16 queries, a warp 4 of them, and walks over tiles of 32 keys, a lane each. Rows
/// of keys lie kStride floats apart.
template <int kStride>
__global__ void __launch_bounds__(kAttentionThreads) attention_tiles_kernel(AttentionHeads a) {
  SEQPE_SHARED(float[kRows * D], queries);
  SEQPE_SHARED(float[32 * kStride], keys);
  SEQPE_SHARED(float[32 * D], values);
  SEQPE_SHARED(float[kAttentionWarps][kRowsOfWarp][32], weights);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int begin = static_cast<int>(blockIdx.x) * kRows;
  const std::int64_t head = head_begin(a);
  copy_rows(queries, D, a.q + head + begin * D, kRows);
  float maxima[kRowsOfWarp], totals[kRowsOfWarp] = {}, sums[kRowsOfWarp][D / 32] = {};
  for (float& maximum : maxima) maximum = -INFINITY;
  for (int j = 0; j < begin + kRows; j += 32) {
    __syncthreads();  // the tile before has been read
    copy_rows(keys, kStride, a.k + head + j * D, 32);
    copy_rows(values, D, a.v + head + j * D, 32);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRowsOfWarp; ++r) {
      const int row = warp * kRowsOfWarp + r;
      const bool allowed = j + lane <= begin + row;
      const float product = dot(queries + row * D, keys + lane * kStride, D);
      const float logit = allowed ? a.scale * product : -INFINITY;
      const float maximum = fmaxf(maxima[r], warp_max(logit));
      const float weight = expf(logit - maximum), rescale = expf(maxima[r] - maximum);
      maxima[r] = maximum;
      totals[r] = totals[r] * rescale + warp_sum(weight);
      for (float& sum : sums[r]) sum *= rescale;
      weights[warp][r][lane] = weight;
    }
    __syncwarp();
    add_weighted_rows(sums, weights[warp], values, D, D, lane);
    __syncwarp();  // the next tile writes other weights
  }
#pragma unroll
  for (int r = 0; r < kRowsOfWarp; ++r) {
    bf16* out = a.out + head + (begin + warp * kRowsOfWarp + r) * D;
#pragma unroll
    for (int n = 0; n < D / 32; ++n)
      out[lane + 32 * n] = simt::from_float<bf16>(sums[r][n] / totals[r]);
  }
}

// Tensor cores: tiles of 64 rows of bf16, 128 bytes each.
constexpr int kTile = 64, kBytesOfTile = kTile * D * 2;

/// Where 16 bytes of a tile lie, chunk 0 to 7 of a row.
template <bool kSwizzled>
__device__ __forceinline__ unsigned chunk_place(unsigned row, unsigned chunk) {
  return row * (D * 2) + (kSwizzled ? chunk ^ row % 8 : chunk) * 16;
}

template <bool kSwizzled>
__device__ __forceinline__ void copy_tile(unsigned char* tile, const bf16* rows) {
  for (unsigned e = threadIdx.x; e < kTile * D / 8; e += kMmaThreads) {
    bf16* to = reinterpret_cast<bf16*>(tile + chunk_place<kSwizzled>(e / 8, e % 8));
    simt::store_pack(to, simt::load_pack<8>(rows + e * 8));
  }
}

/// A row of a warp's logits during the walk; a thread has parts of two rows, 8 apart.
struct TwoRows {
  float maxima[2] = {-INFINITY, -INFINITY}, totals[2] = {};

  /// Logits, in units of log 2, become weights; sums are rescaled.
  __device__ __forceinline__ void add(float (&logits)[kTile / 8][4], float (&sums)[D / 8][4]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float maximum = maxima[half];
#pragma unroll
      for (int n = 0; n < kTile / 8; ++n)
        maximum = fmaxf(maximum, fmaxf(logits[n][2 * half], logits[n][2 * half + 1]));
      // Four neighbouring lanes hold a row.
      maximum = fmaxf(maximum, __shfl_xor_sync(simt::kAllLanes, maximum, 1));
      maximum = fmaxf(maximum, __shfl_xor_sync(simt::kAllLanes, maximum, 2));
      const float rescale = simt::exp2_approximate(maxima[half] - maximum);
      maxima[half] = maximum;
      totals[half] *= rescale;
#pragma unroll
      for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
        for (int e = 2 * half; e < 2 * half + 2; ++e) {
          sums[n][e] *= rescale;
          logits[n][e] = simt::exp2_approximate(logits[n][e] - maximum);
          totals[half] += logits[n][e];
        }
      }
    }
  }
};

/// A block takes 64 queries, a warp 16 of them, and walks over tiles of 64 keys.
template <bool kSwizzled>
__global__ void __launch_bounds__(kMmaThreads) attention_tensor_cores_kernel(AttentionHeads a) {
  SEQPE_SHARED_DYNAMIC(queries);
  unsigned char *keys = queries + kBytesOfTile, *values = keys + kBytesOfTile;
  const unsigned lane = threadIdx.x % 32, warp_row = threadIdx.x / 32 * 16;
  const int begin = static_cast<int>(blockIdx.x) * kTile;
  const std::int64_t head = head_begin(a);
  copy_tile<kSwizzled>(queries, a.q + head + begin * D);
  TwoRows rows;
  float sums[1][D / 8][4] = {};
  for (int j = 0; j <= begin; j += kTile) {
    __syncthreads();  // the tile before has been read
    copy_tile<kSwizzled>(keys, a.k + head + j * D);
    copy_tile<kSwizzled>(values, a.v + head + j * D);
    __syncthreads();
    float logits[1][kTile / 8][4] = {};
#pragma unroll
    for (unsigned c = 0; c < D / 8; c += 2) {
      std::uint32_t q[4], k[4];
      simt::ldmatrix_x4(q, simt::shared_address(queries) +
                               chunk_place<kSwizzled>(warp_row + lane % 16, c + lane / 16));
#pragma unroll
      for (unsigned n = 0; n < kTile / 8; n += 2) {
        simt::ldmatrix_x4(
            k, simt::shared_address(keys) +
                   chunk_place<kSwizzled>(8 * n + lane / 16 * 8 + lane % 8, c + lane / 8 % 2));
        multiply_add(logits[0][n], logits[0][n + 1], q, k);
      }
    }
#pragma unroll
    for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const unsigned row = warp_row + lane / 4 + e / 2 * 8, key = 8 * n + lane % 4 * 2 + e % 2;
        logits[0][n][e] = j == begin && key > row ? -INFINITY : logits[0][n][e] * a.scale * kLog2E;
      }
    }
    rows.add(logits[0], sums[0]);
    std::uint32_t weights[1][kTile / 16][4];
    to_fragments(weights, logits);
#pragma unroll
    for (unsigned m = 0; m < kTile / 16; ++m) {
#pragma unroll
      for (unsigned n = 0; n < D / 8; n += 2) {
        std::uint32_t v[4];
        simt::ldmatrix_x4_transposed(v,
                                     simt::shared_address(values) +
                                         chunk_place<kSwizzled>(16 * m + lane % 16, n + lane / 16));
        multiply_add(sums[0][n], sums[0][n + 1], weights[0][m], v);
      }
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float total = rows.totals[half];
    total += __shfl_xor_sync(simt::kAllLanes, total, 1);
    total += __shfl_xor_sync(simt::kAllLanes, total, 2);
    const unsigned row = begin + warp_row + lane / 4 + 8 * half;
#pragma unroll
    for (int n = 0; n < D / 8; ++n) {
      const float pair[2] = {sums[0][n][2 * half] / total, sums[0][n][2 * half + 1] / total};
      store_floats(a.out + head + row * D + 8 * n + lane % 4 * 2, pair);
    }
  }
}

dim3 blocks(const AttentionHeads& a, int queries) {
  return dim3(static_cast<unsigned>(a.tokens / queries), static_cast<unsigned>(a.heads));
}

void scores_in_memory(const AttentionHeads& a) {
  const auto tokens = static_cast<std::size_t>(a.tokens);
  const DeviceScratch scores(kernels::device_context(),
                             static_cast<std::size_t>(a.heads) * tokens * tokens * sizeof(float));
  simt::launch(kernels::device_context(),
               {"attention_scores_in_memory", blocks(a, kQueriesInMemory), dim3(kQueriesInMemory)},
               attention_scores_in_memory_kernel, a, scores.as<float>());
}

template <int kStride>
void tiles(const AttentionHeads& a) {
  simt::launch(kernels::device_context(),
               {"attention_tiles", blocks(a, kRows), dim3(kAttentionThreads)},
               attention_tiles_kernel<kStride>, a);
}

template <bool kSwizzled>
void tensor_cores(const AttentionHeads& a) {
  simt::launch(kernels::device_context(),
               {"attention_tensor_cores", blocks(a, kTile), dim3(kMmaThreads), 3 * kBytesOfTile},
               attention_tensor_cores_kernel<kSwizzled>, a);
}

void engine(const AttentionHeads& a) {
  kernels::AttentionForwardArgs args;
  args.dtype = DType::bf16;
  args.shape.batch = a.heads;
  args.shape.q_len = args.shape.kv_len = a.tokens;
  args.shape.head_size = args.shape.value_size = D;
  args.shape.causal = true;
  args.shape.scale = a.scale;
  const std::int64_t of_head = std::int64_t{a.tokens} * D;
  args.q = {a.q, of_head, D, D};
  args.k = {a.k, of_head, D, D};
  args.v = {a.v, of_head, D, D};
  args.out = {a.out, of_head, D, D, Write::overwrite};
  args.lse = a.lse;
  kernels::attention_forward(kernels::device_context(), args);
}

}  // namespace

std::vector<AttentionStep> attention_steps() {
  return {{"scores in memory", scores_in_memory},
          {"tiles in shared memory", tiles<D>},
          {"rows an odd number of floats apart", tiles<D + 1>},
          {"tensor cores", tensor_cores<false>},
          {"chunks swizzled", tensor_cores<true>},
          {"copies under way, 32 rows a warp (the engine's)", engine}};
}

}  // namespace seqpe::lessons
