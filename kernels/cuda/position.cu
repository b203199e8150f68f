// Forward: out (=) qkv, with q and k (op) their embeddings from pe; op is + or *.
// Backward: grad_qkv (=|+=) grad_out, for * times the embedding in q and k;
//   grad_pe (=|+=) the sum of grad_out, for * times qkv, over the batch and, for a shared slice,
//   the heads; 0 in columns that neither q nor k uses.
// A block takes a row: a token of a sequence, or a row of grad_pe. Packs of 16 bytes where all
// columns begin at whole ones, else one element. f32 sums, in a fixed order: sequences, then the
// heads of q, then those of k. Nothing is saved for backward beside the inputs.
#include "kernels/position.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr int kThreads = 128;

/// The columns of a layout, in 32 bits: a GPU divides 64 bits slowly.
struct Columns {
  int channels, slice, q_column, k_column;

  explicit Columns(const PositionLayout& layout)
      : channels(static_cast<int>(layout.channels)),
        slice(static_cast<int>(layout.slice)),
        q_column(static_cast<int>(layout.q_column)),
        k_column(static_cast<int>(layout.k_column)) {}

  /// Whether column c of a row of qkv is of a query or a key.
  __device__ __forceinline__ bool has_position(int c) const { return c < 2 * channels; }
  /// The column of pe that it uses then.
  __device__ __forceinline__ int of_pe(int c) const {
    return c < channels ? q_column + c % slice : k_column + (c - channels) % slice;
  }
};

/// The row of pe [blocks, tokens] that row [batch, tokens] of qkv uses.
__device__ __forceinline__ std::int64_t pe_row(const PositionLayout& layout, std::int64_t row) {
  return (layout.first_sequence + row / layout.tokens) % layout.blocks * layout.tokens +
         row % layout.tokens;
}

template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    position_forward_block_per_row_kernel(T* __restrict__ out, const T* __restrict__ qkv,
                                          const T* __restrict__ pe, const PositionLayout layout,
                                          const Columns columns, bool add) {
  const std::int64_t row = blockIdx.x, first = row * 3 * columns.channels;
  const T* position = pe + pe_row(layout, row) * layout.width;
  for (int c = kSize * static_cast<int>(threadIdx.x); c < 3 * columns.channels;
       c += kSize * kThreads) {
    if (!columns.has_position(c)) {
      simt::store_pack(out + first + c, simt::load_pack<kSize>(qkv + first + c));
      continue;
    }
    float x[kSize], p[kSize];
    load_floats(x, qkv + first + c);
    load_floats(p, position + columns.of_pe(c));
#pragma unroll
    for (int i = 0; i < kSize; ++i) x[i] = add ? x[i] + p[i] : x[i] * p[i];
    store_floats(out + first + c, x);
  }
}

template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    position_backward_qkv_block_per_row_kernel(T* __restrict__ grad_qkv, Write write,
                                               const T* __restrict__ grad_out,
                                               const T* __restrict__ pe,
                                               const PositionLayout layout, const Columns columns,
                                               bool add) {
  const std::int64_t row = blockIdx.x, first = row * 3 * columns.channels;
  const T* position = pe + pe_row(layout, row) * layout.width;
  for (int c = kSize * static_cast<int>(threadIdx.x); c < 3 * columns.channels;
       c += kSize * kThreads) {
    float g[kSize];
    load_floats(g, grad_out + first + c);
    if (!add && columns.has_position(c)) {
      float p[kSize];
      load_floats(p, position + columns.of_pe(c));
#pragma unroll
      for (int i = 0; i < kSize; ++i) g[i] *= p[i];
    }
    write_floats(grad_qkv + first + c, g, write);
  }
}

/// A block a row of grad_pe: a thread sums columns of q and k over the sequences into shared
/// memory, [2 channels] floats, then a thread a column of pe adds up the heads.
template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    position_backward_pe_block_per_row_kernel(T* __restrict__ grad_pe, Write write,
                                              const T* __restrict__ grad_out,
                                              const T* __restrict__ qkv,
                                              const PositionLayout layout, const Columns columns,
                                              bool add) {
  SEQPE_SHARED_DYNAMIC(bytes);
  float* sums = reinterpret_cast<float*>(bytes);
  const std::int64_t row = blockIdx.x, block = row / layout.tokens, t = row % layout.tokens;
  const std::int64_t first_sequence =
      (block + layout.blocks - layout.first_sequence % layout.blocks) % layout.blocks;
  for (int c = kSize * static_cast<int>(threadIdx.x); c < 2 * columns.channels;
       c += kSize * kThreads) {
    float sum[kSize] = {};
#pragma unroll 4
    for (std::int64_t b = first_sequence; b < layout.batch; b += layout.blocks) {
      const std::int64_t at = (b * layout.tokens + t) * 3 * columns.channels + c;
      float g[kSize];
      load_floats(g, grad_out + at);
      if (!add) {
        float x[kSize];
        load_floats(x, qkv + at);
#pragma unroll
        for (int i = 0; i < kSize; ++i) g[i] *= x[i];
      }
#pragma unroll
      for (int i = 0; i < kSize; ++i) sum[i] += g[i];
    }
#pragma unroll
    for (int i = 0; i < kSize; ++i) sums[c + i] = sum[i];
  }
  __syncthreads();
  for (int column = static_cast<int>(threadIdx.x); column < layout.width; column += kThreads) {
    const int of_q = column - columns.q_column, of_k = column - columns.k_column;
    float sum[1] = {0.0f};
    if (of_q >= 0 && of_q < columns.slice) {
      for (int c = of_q; c < columns.channels; c += columns.slice) sum[0] += sums[c];
    }
    if (of_k >= 0 && of_k < columns.slice) {
      for (int c = of_k; c < columns.channels; c += columns.slice)
        sum[0] += sums[columns.channels + c];
    }
    write_floats(grad_pe + row * layout.width + column, sum, write);
  }
}

/// Whether `size` elements that begin at a multiple of it have consecutive embeddings in one pack.
bool whole_packs(const PositionLayout& layout, int size) {
  return layout.channels % size == 0 && layout.slice % size == 0 && layout.width % size == 0 &&
         layout.q_column % size == 0 && layout.k_column % size == 0;
}

template <typename T, int kSize>
void forward(const Context& context, const PositionForwardArgs& args) {
  const auto rows = static_cast<unsigned>(args.layout.batch * args.layout.tokens);
  simt::launch(context, {"position_forward", dim3(rows), dim3(kThreads)},
               position_forward_block_per_row_kernel<T, kSize>, static_cast<T*>(args.out),
               static_cast<const T*>(args.qkv), static_cast<const T*>(args.pe), args.layout,
               Columns(args.layout), args.act == PositionAct::add);
}

template <typename T, int kSize>
void backward(const Context& context, const PositionBackwardArgs& args) {
  const PositionLayout& layout = args.layout;
  const bool add = args.act == PositionAct::add;
  const auto rows = static_cast<unsigned>(layout.batch * layout.tokens),
             pe_rows = static_cast<unsigned>(layout.blocks * layout.tokens);
  if (args.grad_qkv != nullptr && rows != 0) {
    simt::launch(context, {"position_backward_qkv", dim3(rows), dim3(kThreads)},
                 position_backward_qkv_block_per_row_kernel<T, kSize>,
                 static_cast<T*>(args.grad_qkv), args.write_qkv,
                 static_cast<const T*>(args.grad_out), static_cast<const T*>(args.pe), layout,
                 Columns(layout), add);
  }
  if (args.grad_pe != nullptr && pe_rows != 0) {
    simt::launch(context,
                 {"position_backward_pe", dim3(pe_rows), dim3(kThreads),
                  static_cast<std::size_t>(2 * layout.channels) * sizeof(float)},
                 position_backward_pe_block_per_row_kernel<T, kSize>, static_cast<T*>(args.grad_pe),
                 args.write_pe, static_cast<const T*>(args.grad_out),
                 static_cast<const T*>(args.qkv), layout, Columns(layout), add);
  }
}

}  // namespace

void position_forward(const Context& context, const PositionForwardArgs& args) {
  if (args.layout.batch * args.layout.tokens == 0) return;
  dispatch("position", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kSize = simt::kPackSize<T>;
    if (whole_packs(args.layout, kSize) && aligned_for_packs(args.out, args.qkv, args.pe))
      return forward<T, kSize>(context, args);
    forward<T, 1>(context, args);
  });
}

void position_backward(const Context& context, const PositionBackwardArgs& args) {
  dispatch("position", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kSize = simt::kPackSize<T>;
    if (whole_packs(args.layout, kSize) &&
        aligned_for_packs(args.grad_qkv, args.grad_out, args.qkv, args.pe))
      return backward<T, kSize>(context, args);
    backward<T, 1>(context, args);
  });
}

}  // namespace seqpe::kernels::cuda
