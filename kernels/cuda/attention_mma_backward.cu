// Attention backward on tensor cores, bf16 in and out, sums in f32. The weights P are recomputed
// from the log-sum-exp, with dP = grad_out v^T and delta = rowsum(grad_out out), once by blocks of
// queries for grad_q and grad_pe_q, once by blocks of keys for grad_k, grad_v and grad_pe_k: each
// gradient has one owner and one order of additions. P and dS are rounded to bf16 for the products.
#include "kernels/attention.h"

#include "kernels/cuda/attention_mma.h"
#include "kernels/cuda/attention_mma_backward_keys.h"
#include "kernels/cuda/attention_mma_backward_queries.h"
#include "kernels/cuda/attention_position_sum.h"
#include "kernels/cuda/scratch.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr int kTermsTile = 128;  // the largest tile of queries: each finds its terms in whole

/// terms [batch, heads, padded]; D / 8 neighbouring lanes a query.
template <int D>
__global__ void __launch_bounds__(kMmaThreads)
    attention_query_terms_lanes_per_query_kernel(QueryTerms* __restrict__ terms,
                                                 AttentionBackwardArgs args, int padded) {
  constexpr int kLanes = D / 8;
  const AttentionShape& shape = args.shape;
  const std::int64_t row =
      static_cast<std::int64_t>(blockIdx.x) * (kMmaThreads / kLanes) + threadIdx.x / kLanes;
  const int chunk = static_cast<int>(threadIdx.x) % kLanes * 8;
  const std::int64_t pair = row / padded;
  const auto i = static_cast<int>(row - pair * padded), b = static_cast<int>(pair / shape.heads),
             h = static_cast<int>(pair % shape.heads);
  const bool exists = i < shape.q_len && b < shape.batch;
  float delta = 0.0f;
  if (exists) {
    const HeadRows grad = head_rows(args.grad_out, b, h), out = head_rows(args.out, b, h);
    float x[8], y[8];
    load_floats(x, grad.data + static_cast<std::int64_t>(i) * grad.stride + chunk);
    load_floats(y, out.data + static_cast<std::int64_t>(i) * out.stride + chunk);
#pragma unroll
    for (int c = 0; c < 8; ++c) delta += x[c] * y[c];
  }
#pragma unroll
  for (int lanes = kLanes / 2; lanes > 0; lanes /= 2)
    delta += __shfl_xor_sync(simt::kAllLanes, delta, lanes);
  if (chunk != 0 || b >= shape.batch) return;
  QueryTerms of_query{INFINITY, delta};
  if (exists) {
    const float lse = static_cast<const float*>(args.lse)[pair * shape.q_len + i];
    if (lse != -INFINITY) of_query.lse_log2 = lse * kLog2E;
  }
  terms[row] = of_query;
}

}  // namespace

void attention_backward_mma(const Context& context, const AttentionBackwardArgs& args) {
  const AttentionShape& shape = args.shape;
  const std::int64_t pairs = shape.batch * shape.heads, queries = pairs * shape.q_len,
                     keys = pairs * shape.kv_len;
  const std::int64_t padded = (shape.q_len + kTermsTile - 1) / kTermsTile * kTermsTile;
  const bool wants_pe_q = args.grad_pe_q.data != nullptr,
             wants_pe_k = args.grad_pe_k.data != nullptr;
  const auto bytes = [](bool wanted, std::int64_t count, std::size_t size) {
    return wanted ? static_cast<std::size_t>(count) * size : 0;
  };
  const DeviceScratch terms(context, bytes(true, pairs * padded, sizeof(QueryTerms)));
  const DeviceScratch pe_q(context, bytes(wants_pe_q, queries * shape.pe_size, sizeof(float)));
  const DeviceScratch pe_k(context, bytes(wants_pe_k, keys * shape.pe_size, sizeof(float)));
  const DropoutMask mask = weights_mask(shape);
  dispatch_mma(shape, [&](auto size, auto pe, auto dropout) {
    if (queries > 0) {
      constexpr int kQueries = kMmaThreads / (size / 8);
      simt::launch(context,
                   {"attention_query_terms",
                    dim3(static_cast<unsigned>((pairs * padded + kQueries - 1) / kQueries)),
                    dim3(kMmaThreads)},
                   attention_query_terms_lanes_per_query_kernel<size>, terms.as<QueryTerms>(), args,
                   static_cast<int>(padded));
    }
    if (queries > 0 && (args.grad_q.data != nullptr || wants_pe_q)) {
      using Tile = BackwardQueriesTile<size, pe>;
      simt::launch(
          context,
          {"attention_backward_queries_mma", mma_blocks(shape, shape.q_len, Tile::kQueries),
           dim3(kMmaThreads), Tile::kBytes},
          attention_backward_queries_mma_kernel<size, pe, dropout>, args, terms.as<QueryTerms>(),
          static_cast<int>(padded), wants_pe_q ? pe_q.as<float>() : nullptr, mask,
          LogitScales(shape));
    }
    const auto launch_keys = [&](auto own, auto position) {
      using Tile = BackwardKeysTile<size, pe>;
      simt::launch(context,
                   {"attention_backward_keys_mma", mma_blocks(shape, shape.kv_len, Tile::kKeys),
                    dim3(kMmaThreads), Tile::kBytes},
                   attention_backward_keys_mma_kernel<size, pe, dropout, own, position>, args,
                   terms.as<QueryTerms>(), static_cast<int>(padded),
                   wants_pe_k ? pe_k.as<float>() : nullptr, mask, LogitScales(shape));
    };
    if (keys == 0) return;
    const bool wants_own = args.grad_k.data != nullptr || args.grad_v.data != nullptr;
    if constexpr (pe && size == 128) {
      if (wants_own) launch_keys(std::true_type{}, std::false_type{});
      if (wants_pe_k) launch_keys(std::false_type{}, std::true_type{});
    } else {
      if (wants_own || wants_pe_k) launch_keys(std::true_type{}, pe);
    }
  });
  sum_sequences<bf16>(context, args.grad_pe_q, pe_q, shape, shape.q_len);
  sum_sequences<bf16>(context, args.grad_pe_k, pe_k, shape, shape.kv_len);
}

}  // namespace seqpe::kernels::cuda
