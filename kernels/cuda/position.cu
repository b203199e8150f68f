// Forward: out (=) qkv, with q and k (op) their embeddings from pe; op is +, * or a turn of pairs.
// Backward: grad_qkv (=|+=) grad_out, for * times the embedding in q and k, turned back for a turn;
//   grad_pe (=|+=) the sum of grad_out, for * and a turn times qkv, over the batch and, for a
//   shared slice, the heads; 0 in columns that neither q nor k uses.
// A block takes a row: a token of a sequence, or a row of grad_pe. Packs of 16 bytes where all
// columns begin at whole ones, else one element or one pair. f32 sums, in a fixed order: sequences,
// then the heads of q, then those of k. Nothing is saved for backward beside the inputs.
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
  /// Its place in its slice.
  __device__ __forceinline__ int place(int c) const {
    return (c < channels ? c : c - channels) % slice;
  }
  /// Where its slice of pe begins.
  __device__ __forceinline__ int of_pe(int c) const { return c < channels ? q_column : k_column; }
};

/// x (op) the embeddings of its channels, the first of which is column `place` of the slice `pe`.
/// `turn` 1: by the angle, -1: back.
template <int kSize, typename T>
__device__ __forceinline__ void act_on(float (&x)[kSize], const T* __restrict__ pe, int place,
                                       int slice, PositionAct act, float turn) {
  if (act != PositionAct::rotate) {
    float p[kSize];
    load_floats(p, pe + place);
#pragma unroll
    for (int i = 0; i < kSize; ++i) x[i] = act == PositionAct::add ? x[i] + p[i] : x[i] * p[i];
    return;
  }
  if constexpr (kSize >= 2) {
    float sines[kSize / 2], cosines[kSize / 2];
    load_floats(sines, pe + place / 2);
    load_floats(cosines, pe + slice / 2 + place / 2);
#pragma unroll
    for (int i = 0; i < kSize / 2; ++i) {
      const float a = x[2 * i], b = x[2 * i + 1], sine = turn * sines[i];
      x[2 * i] = a * cosines[i] - b * sine;
      x[2 * i + 1] = a * sine + b * cosines[i];
    }
  }
}

/// The row of pe [blocks, tokens] that row [batch, tokens] of qkv uses.
__device__ __forceinline__ std::int64_t pe_row(const PositionLayout& layout, std::int64_t row) {
  return (layout.first_sequence + row / layout.tokens) % layout.blocks * layout.tokens +
         row % layout.tokens;
}

template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    position_forward_block_per_row_kernel(T* __restrict__ out, const T* __restrict__ qkv,
                                          const T* __restrict__ pe, const PositionLayout layout,
                                          const Columns columns, PositionAct act) {
  const std::int64_t row = blockIdx.x, first = row * 3 * columns.channels;
  const T* position = pe + pe_row(layout, row) * layout.width;
  for (int c = kSize * static_cast<int>(threadIdx.x); c < 3 * columns.channels;
       c += kSize * kThreads) {
    if (!columns.has_position(c)) {
      simt::store_pack(out + first + c, simt::load_pack<kSize>(qkv + first + c));
      continue;
    }
    float x[kSize];
    load_floats(x, qkv + first + c);
    act_on(x, position + columns.of_pe(c), columns.place(c), columns.slice, act, 1.0f);
    store_floats(out + first + c, x);
  }
}

template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    position_backward_qkv_block_per_row_kernel(T* __restrict__ grad_qkv, Write write,
                                               const T* __restrict__ grad_out,
                                               const T* __restrict__ pe,
                                               const PositionLayout layout, const Columns columns,
                                               PositionAct act) {
  const std::int64_t row = blockIdx.x, first = row * 3 * columns.channels;
  const T* position = pe + pe_row(layout, row) * layout.width;
  for (int c = kSize * static_cast<int>(threadIdx.x); c < 3 * columns.channels;
       c += kSize * kThreads) {
    float g[kSize];
    load_floats(g, grad_out + first + c);
    if (act != PositionAct::add && columns.has_position(c))
      act_on(g, position + columns.of_pe(c), columns.place(c), columns.slice, act, -1.0f);
    write_floats(grad_qkv + first + c, g, write);
  }
}

/// What channels x with gradients g give to their embeddings: to those of their places, or for a
/// turn to kSize / 2 sines and as many cosines.
template <int kSize>
__device__ __forceinline__ void add_gradient(float (&sum)[kSize], const float (&g)[kSize],
                                             const float (&x)[kSize], PositionAct act) {
  if (act != PositionAct::rotate) {
#pragma unroll
    for (int i = 0; i < kSize; ++i) sum[i] += act == PositionAct::add ? g[i] : g[i] * x[i];
    return;
  }
#pragma unroll
  for (int i = 0; i < kSize / 2; ++i) {
    sum[i] += g[2 * i + 1] * x[2 * i] - g[2 * i] * x[2 * i + 1];
    sum[kSize / 2 + i] += g[2 * i] * x[2 * i] + g[2 * i + 1] * x[2 * i + 1];
  }
}

/// A block a row of grad_pe: a thread sums columns of q and k over the sequences into shared
/// memory, [2 channels] floats in the order of their slices of pe, then a thread a column of pe
/// adds up the heads.
template <typename T, int kSize>
__global__ void __launch_bounds__(kThreads)
    position_backward_pe_block_per_row_kernel(T* __restrict__ grad_pe, Write write,
                                              const T* __restrict__ grad_out,
                                              const T* __restrict__ qkv,
                                              const PositionLayout layout, const Columns columns,
                                              PositionAct act) {
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
      float g[kSize], x[kSize] = {};
      load_floats(g, grad_out + at);
      if (act != PositionAct::add) load_floats(x, qkv + at);
      add_gradient(sum, g, x, act);
    }
    if (act != PositionAct::rotate) {
#pragma unroll
      for (int i = 0; i < kSize; ++i) sums[c + i] = sum[i];
      continue;
    }
    float* sines = sums + c - columns.place(c) + columns.place(c) / 2;
#pragma unroll
    for (int i = 0; i < kSize / 2; ++i) {
      sines[i] = sum[i];
      sines[columns.slice / 2 + i] = sum[kSize / 2 + i];
    }
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
               Columns(args.layout), args.act);
}

template <typename T, int kSize>
void backward(const Context& context, const PositionBackwardArgs& args) {
  const PositionLayout& layout = args.layout;
  const auto rows = static_cast<unsigned>(layout.batch * layout.tokens),
             pe_rows = static_cast<unsigned>(layout.blocks * layout.tokens);
  if (args.grad_qkv != nullptr && rows != 0) {
    simt::launch(context, {"position_backward_qkv", dim3(rows), dim3(kThreads)},
                 position_backward_qkv_block_per_row_kernel<T, kSize>,
                 static_cast<T*>(args.grad_qkv), args.write_qkv,
                 static_cast<const T*>(args.grad_out), static_cast<const T*>(args.pe), layout,
                 Columns(layout), args.act);
  }
  if (args.grad_pe != nullptr && pe_rows != 0) {
    simt::launch(context,
                 {"position_backward_pe", dim3(pe_rows), dim3(kThreads),
                  static_cast<std::size_t>(2 * layout.channels) * sizeof(float)},
                 position_backward_pe_block_per_row_kernel<T, kSize>, static_cast<T*>(args.grad_pe),
                 args.write_pe, static_cast<const T*>(args.grad_out),
                 static_cast<const T*>(args.qkv), layout, Columns(layout), args.act);
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
    if (args.act == PositionAct::rotate) return forward<T, 2>(context, args);
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
    if (args.act == PositionAct::rotate) return backward<T, 2>(context, args);
    backward<T, 1>(context, args);
  });
}

}  // namespace seqpe::kernels::cuda
