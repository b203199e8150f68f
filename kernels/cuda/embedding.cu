// Forward: out[i] (=) table[indices[i]], a warp a row.
//
// Backward: grad_table[r] (=|+=) the sum of grad_out[i] over indices[i] = r. The indices are
// sorted, stably, so the occurrences of a table row are a run, in their order. A block adds up
// kChunk occurrences: runs that lie within its chunk go to the table, the ends of runs that reach
// beyond it into partial sums, which a second kernel adds in order. So a row that occurs once costs
// as much as one occurrence of a row that occurs everywhere, no addition is atomic, and every run
// gives the same bits. f32 sums, rounded once; nothing is saved for backward.
#include "kernels/embedding.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/index_sort.h"
#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr int kWarps = 4;      // of a block of forward
constexpr int kThreads = 128;  // of a block of backward
constexpr int kChunk = 32;     // occurrences
constexpr int kInFlight = 4;   // loads that a thread has under way

template <typename T, int kSize>
__global__ void __launch_bounds__(32 * kWarps)
    embedding_forward_warp_per_row_kernel(T* __restrict__ out, const T* __restrict__ table,
                                          const std::int64_t* __restrict__ indices,
                                          std::int64_t count, std::int64_t cols) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (i >= count) return;
  const T* row = table + indices[i] * cols;
  for (std::int64_t c = kSize * (threadIdx.x % 32); c < cols; c += kSize * 32)
    simt::store_pack(out + i * cols + c, simt::load_pack<kSize>(row + c));
}

/// table (=) 0, a thread a pack.
template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    embedding_backward_clear_kernel(T* __restrict__ table, std::int64_t packs) {
  const std::int64_t pack = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const float zeros[kSize] = {};
  if (pack < packs) store_floats(table + pack * kSize, zeros);
}

/// Block (x, y) adds occurrences [kChunk x, kChunk (x + 1)) of the sorted indices in packs
/// [kThreads y, kThreads (y + 1)) of the columns. table (=|+=) the runs within the chunk; partial
/// (=) [chunks, 2, cols]: the end of a run that began before, the beginning of one that goes on
/// (a run through the whole chunk is an end); first_rows (=) [chunks] the chunk's first table row.
template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    embedding_backward_chunk_per_block_kernel(T* __restrict__ table, Write write,
                                              float* __restrict__ partial,
                                              std::int64_t* __restrict__ first_rows,
                                              const T* __restrict__ grad_out,
                                              const std::int64_t* __restrict__ indices,
                                              const std::int64_t* __restrict__ order,
                                              std::int64_t count, std::int64_t cols) {
  SEQPE_SHARED(std::int64_t[kChunk + 2], rows);  // and the neighbours'; -1: there is none
  SEQPE_SHARED(std::int64_t[kChunk], positions);
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t chunk = blockIdx.x, first = chunk * kChunk;
  const int size = static_cast<int>(count - first < kChunk ? count - first : kChunk);
  if (thread < kChunk + 2) {
    const std::int64_t at = first + thread - 1;
    const std::int64_t position = at >= 0 && at < count ? order[at] : -1;
    rows[thread] = position >= 0 ? indices[position] : -1;
    if (thread >= 1 && thread <= kChunk) positions[thread - 1] = position;
  }
  __syncthreads();
  if (thread == 0 && blockIdx.y == 0) first_rows[chunk] = rows[1];
  const std::int64_t c = (static_cast<std::int64_t>(blockIdx.y) * kThreads + thread) * kSize;
  if (c >= cols) return;
  bool began_before = rows[0] == rows[1];
  float sum[kSize] = {};
  for (int begin = 0; begin < size; begin += kInFlight) {
    simt::Pack<T, kSize> loaded[kInFlight];
#pragma unroll
    for (int u = 0; u < kInFlight; ++u) {
      if (begin + u < size)
        loaded[u] = simt::load_pack<kSize>(grad_out + positions[begin + u] * cols + c);
    }
#pragma unroll
    for (int u = 0; u < kInFlight; ++u) {
      const int occurrence = begin + u;
      if (occurrence >= size) break;
#pragma unroll
      for (int i = 0; i < kSize; ++i) sum[i] += simt::to_float(loaded[u].values[i]);
      const std::int64_t row = rows[occurrence + 1];
      const bool same_follows = rows[occurrence + 2] == row;
      if (same_follows && occurrence + 1 < size) continue;
      if (began_before) {
        store_floats(partial + 2 * chunk * cols + c, sum);
      } else if (same_follows) {
        store_floats(partial + (2 * chunk + 1) * cols + c, sum);
      } else {
        write_floats(table + row * cols + c, sum, write);
      }
      began_before = false;
#pragma unroll
      for (int i = 0; i < kSize; ++i) sum[i] = 0.0f;
    }
  }
}

/// table (=|+=) the runs through several chunks: block (x, y) as above takes the one that begins in
/// chunk x, if there is one, and adds its parts in order.
template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    embedding_backward_join_runs_kernel(T* __restrict__ table, Write write,
                                        const float* __restrict__ partial,
                                        const std::int64_t* __restrict__ first_rows,
                                        const std::int64_t* __restrict__ indices,
                                        const std::int64_t* __restrict__ order, std::int64_t chunks,
                                        std::int64_t cols) {
  const std::int64_t chunk = blockIdx.x, row = indices[order[(chunk + 1) * kChunk - 1]];
  if (first_rows[chunk + 1] != row) return;  // no run goes on
  const std::int64_t first = chunk * kChunk;
  if (first_rows[chunk] == row && first > 0 && indices[order[first - 1]] == row)
    return;  // it began before
  const std::int64_t c = (static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x) * kSize;
  if (c >= cols) return;
  std::int64_t end = chunk + 2;  // of the chunks that the run reaches
  while (end < chunks && first_rows[end] == row) ++end;
  float sum[kSize];
  load_floats(sum, partial + (2 * chunk + 1) * cols + c);
#pragma unroll 4
  for (std::int64_t next = chunk + 1; next < end; ++next) {
    float part[kSize];
    load_floats(part, partial + 2 * next * cols + c);
#pragma unroll
    for (int i = 0; i < kSize; ++i) sum[i] += part[i];
  }
  write_floats(table + row * cols + c, sum, write);
}

template <typename T, int kSize>
void forward(const Context& context, const EmbeddingForwardArgs& args) {
  const auto blocks = static_cast<unsigned>((args.count + kWarps - 1) / kWarps);
  simt::launch(context, {"embedding_forward", dim3(blocks), dim3(32 * kWarps)},
               embedding_forward_warp_per_row_kernel<T, kSize>, static_cast<T*>(args.out),
               static_cast<const T*>(args.table), args.indices, args.count, args.cols);
}

template <typename T, int kSize>
void backward(const Context& context, const EmbeddingBackwardArgs& args) {
  T* table = static_cast<T*>(args.grad_table);
  if (args.write == Write::overwrite) {
    const std::int64_t packs = args.rows * args.cols / kSize;
    const auto blocks = static_cast<unsigned>((packs + kThreads - 1) / kThreads);
    simt::launch(context, {"embedding_backward_clear", dim3(blocks), dim3(kThreads)},
                 embedding_backward_clear_kernel<T, kSize>, table, packs);
  }
  if (args.count == 0) return;
  const IndexOrder sorted(context, args.indices, args.count, args.rows);
  const std::int64_t chunks = (args.count + kChunk - 1) / kChunk;
  const auto columns = static_cast<unsigned>((args.cols / kSize + kThreads - 1) / kThreads);
  const DeviceScratch partial(context,
                              static_cast<std::size_t>(2 * chunks * args.cols) * sizeof(float)),
      first_rows(context, static_cast<std::size_t>(chunks) * sizeof(std::int64_t));
  simt::launch(
      context,
      {"embedding_backward_chunks", dim3(static_cast<unsigned>(chunks), columns), dim3(kThreads)},
      embedding_backward_chunk_per_block_kernel<T, kSize>, table, args.write, partial.as<float>(),
      first_rows.as<std::int64_t>(), static_cast<const T*>(args.grad_out), args.indices,
      sorted.order(), args.count, args.cols);
  if (chunks == 1) return;  // no run reaches beyond its chunk; nor does one begin in the last
  simt::launch(context,
               {"embedding_backward_join_runs", dim3(static_cast<unsigned>(chunks - 1), columns),
                dim3(kThreads)},
               embedding_backward_join_runs_kernel<T, kSize>, table, args.write,
               partial.as<float>(), first_rows.as<std::int64_t>(), args.indices, sorted.order(),
               chunks, args.cols);
}

}  // namespace

void embedding_forward(const Context& context, const EmbeddingForwardArgs& args) {
  if (args.count == 0 || args.cols == 0) return;
  dispatch("embedding", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kSize = simt::kPackSize<T>;
    if (args.cols % kSize == 0 && aligned_for_packs(args.out, args.table))
      return forward<T, kSize>(context, args);
    forward<T, 1>(context, args);
  });
}

void embedding_backward(const Context& context, const EmbeddingBackwardArgs& args) {
  if (args.rows == 0 || args.cols == 0) return;
  dispatch("embedding", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    // Partial sums are f32 packs of as many elements: in bf16 32 bytes, two accesses.
    constexpr int kSize = simt::kPackSize<T>;
    if (args.cols % kSize == 0 && aligned_for_packs(args.grad_table, args.grad_out))
      return backward<T, kSize>(context, args);
    backward<T, 1>(context, args);
  });
}

}  // namespace seqpe::kernels::cuda
