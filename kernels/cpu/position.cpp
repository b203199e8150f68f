#include "kernels/position.h"

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

/// The row of pe that token t of sequence b uses, as an index into [blocks, tokens].
std::int64_t pe_row(const PositionLayout& layout, std::int64_t b, std::int64_t t) {
  return (layout.first_sequence + b) % layout.blocks * layout.tokens + t;
}

template <typename T>
void forward(const PositionForwardArgs& args) {
  const PositionLayout& layout = args.layout;
  const std::int64_t channels = layout.channels;
  const bool add = args.act == PositionAct::add;
  parallel_chunks(layout.batch * layout.tokens, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* in = static_cast<const T*>(args.qkv) + row * 3 * channels;
      T* out = static_cast<T*>(args.out) + row * 3 * channels;
      const T* pe = static_cast<const T*>(args.pe) +
                    pe_row(layout, row / layout.tokens, row % layout.tokens) * layout.width;
      for (int part = 0; part < 2; ++part) {
        const T* position = pe + (part == 0 ? layout.q_column : layout.k_column);
        for (std::int64_t c = 0; c < channels; c += layout.slice) {
          const T* x = in + part * channels + c;
          T* y = out + part * channels + c;
          if (add) {
#pragma omp simd
            for (std::int64_t s = 0; s < layout.slice; ++s)
              store(y + s, load(x + s) + load(position + s));
          } else {
#pragma omp simd
            for (std::int64_t s = 0; s < layout.slice; ++s)
              store(y + s, load(x + s) * load(position + s));
          }
        }
      }
      for (std::int64_t c = 2 * channels; c < 3 * channels; ++c) out[c] = in[c];
    }
  });
}

template <typename T>
void backward_qkv(const PositionBackwardArgs& args) {
  using A = Acc<T>;
  const PositionLayout& layout = args.layout;
  const std::int64_t channels = layout.channels;
  const bool add = args.act == PositionAct::add;
  parallel_chunks(layout.batch * layout.tokens, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* grad = static_cast<const T*>(args.grad_out) + row * 3 * channels;
      T* out = static_cast<T*>(args.grad_qkv) + row * 3 * channels;
      const T* pe = static_cast<const T*>(args.pe) +
                    pe_row(layout, row / layout.tokens, row % layout.tokens) * layout.width;
      for (std::int64_t c = 0; c < 3 * channels; ++c) {
        const std::int64_t part = c / channels;
        A factor = 1;
        if (!add && part < 2) {
          factor = load(pe + (part == 0 ? layout.q_column : layout.k_column) +
                        c % channels % layout.slice);
        }
        write_to(out + c, load(grad + c) * factor, args.write_qkv);
      }
    }
  });
}

/// A thread owns rows of grad_pe and sums their sequences in order. Where q and k use the same
/// columns, both add up.
template <typename T>
void backward_pe(const PositionBackwardArgs& args) {
  using A = Acc<T>;
  const PositionLayout& layout = args.layout;
  const std::int64_t channels = layout.channels;
  const bool add = args.act == PositionAct::add;
  parallel_chunks(layout.blocks * layout.tokens, 1, [&](std::int64_t row, std::int64_t) {
    const std::int64_t block = row / layout.tokens, t = row % layout.tokens;
    const Scratch scratch(static_cast<std::size_t>(layout.width) * sizeof(A));
    A* sums = scratch.as<A>();
    for (std::int64_t c = 0; c < layout.width; ++c) sums[c] = 0;
    for (std::int64_t b = 0; b < layout.batch; ++b) {
      if ((layout.first_sequence + b) % layout.blocks != block) continue;
      const std::int64_t offset = (b * layout.tokens + t) * 3 * channels;
      const T* grad = static_cast<const T*>(args.grad_out) + offset;
      const T* x = static_cast<const T*>(args.qkv) + offset;
      for (std::int64_t c = 0; c < 2 * channels; ++c) {
        const std::int64_t column =
            (c < channels ? layout.q_column : layout.k_column) + c % channels % layout.slice;
        sums[column] += add ? load(grad + c) : load(grad + c) * load(x + c);
      }
    }
    T* out = static_cast<T*>(args.grad_pe) + row * layout.width;
    for (std::int64_t c = 0; c < layout.width; ++c) write_to(out + c, sums[c], args.write_pe);
  });
}

}  // namespace

void position_forward(const PositionForwardArgs& args) {
  dispatch_floating("position", args.dtype,
                    [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

void position_backward(const PositionBackwardArgs& args) {
  dispatch_floating("position", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (args.grad_qkv) backward_qkv<T>(args);
    if (args.grad_pe) backward_pe<T>(args);
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
