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

/// The two channels of pair j, and the angle that they turn by; `sign` -1: back.
template <typename T>
void turn(T* out, const T* in, const T* pe, std::int64_t pairs, std::int64_t j, Acc<T> sign,
          Write write) {
  const Acc<T> x = load(in + 2 * j), y = load(in + 2 * j + 1), sine = sign * load(pe + j),
               cosine = load(pe + pairs + j);
  write_to(out + 2 * j, x * cosine - y * sine, write);
  write_to(out + 2 * j + 1, x * sine + y * cosine, write);
}

/// A slice of a query or key with its slice of pe.
template <typename T>
void act_on(T* out, const T* x, const T* pe, std::int64_t slice, PositionAct act) {
  switch (act) {
    case PositionAct::add:
#pragma omp simd
      for (std::int64_t s = 0; s < slice; ++s) store(out + s, load(x + s) + load(pe + s));
      return;
    case PositionAct::multiply:
#pragma omp simd
      for (std::int64_t s = 0; s < slice; ++s) store(out + s, load(x + s) * load(pe + s));
      return;
    case PositionAct::rotate:
      for (std::int64_t j = 0; j < slice / 2; ++j)
        turn<T>(out, x, pe, slice / 2, j, 1, Write::overwrite);
  }
}

template <typename T>
void write_gradient(T* out, const T* grad, const T* pe, std::int64_t slice, PositionAct act,
                    Write write) {
  switch (act) {
    case PositionAct::add:
      for (std::int64_t s = 0; s < slice; ++s) write_to(out + s, load(grad + s), write);
      return;
    case PositionAct::multiply:
      for (std::int64_t s = 0; s < slice; ++s)
        write_to(out + s, load(grad + s) * load(pe + s), write);
      return;
    case PositionAct::rotate:
      for (std::int64_t j = 0; j < slice / 2; ++j) turn<T>(out, grad, pe, slice / 2, j, -1, write);
  }
}

/// sums += the gradient of a slice of pe.
template <typename T>
void add_gradient(Acc<T>* sums, const T* grad, const T* x, std::int64_t slice, PositionAct act) {
  switch (act) {
    case PositionAct::add:
      for (std::int64_t s = 0; s < slice; ++s) sums[s] += load(grad + s);
      return;
    case PositionAct::multiply:
      for (std::int64_t s = 0; s < slice; ++s) sums[s] += load(grad + s) * load(x + s);
      return;
    case PositionAct::rotate:
      for (std::int64_t j = 0; j < slice / 2; ++j) {
        const Acc<T> a = load(x + 2 * j), b = load(x + 2 * j + 1), grad_a = load(grad + 2 * j),
                     grad_b = load(grad + 2 * j + 1);
        sums[j] += grad_b * a - grad_a * b;
        sums[slice / 2 + j] += grad_a * a + grad_b * b;
      }
  }
}

template <typename T>
void forward(const PositionForwardArgs& args) {
  const PositionLayout& layout = args.layout;
  const std::int64_t channels = layout.channels;
  parallel_chunks(layout.batch * layout.tokens, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* in = static_cast<const T*>(args.qkv) + row * 3 * channels;
      T* out = static_cast<T*>(args.out) + row * 3 * channels;
      const T* pe = static_cast<const T*>(args.pe) +
                    pe_row(layout, row / layout.tokens, row % layout.tokens) * layout.width;
      for (std::int64_t c = 0; c < 2 * channels; c += layout.slice) {
        const T* position = pe + (c < channels ? layout.q_column : layout.k_column);
        act_on(out + c, in + c, position, layout.slice, args.act);
      }
      for (std::int64_t c = 2 * channels; c < 3 * channels; ++c) out[c] = in[c];
    }
  });
}

template <typename T>
void backward_qkv(const PositionBackwardArgs& args) {
  const PositionLayout& layout = args.layout;
  const std::int64_t channels = layout.channels;
  parallel_chunks(layout.batch * layout.tokens, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* grad = static_cast<const T*>(args.grad_out) + row * 3 * channels;
      T* out = static_cast<T*>(args.grad_qkv) + row * 3 * channels;
      const T* pe = static_cast<const T*>(args.pe) +
                    pe_row(layout, row / layout.tokens, row % layout.tokens) * layout.width;
      for (std::int64_t c = 0; c < 2 * channels; c += layout.slice) {
        const T* position = pe + (c < channels ? layout.q_column : layout.k_column);
        write_gradient(out + c, grad + c, position, layout.slice, args.act, args.write_qkv);
      }
      for (std::int64_t c = 2 * channels; c < 3 * channels; ++c)
        write_to(out + c, load(grad + c), args.write_qkv);
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
      for (std::int64_t c = 0; c < 2 * channels; c += layout.slice) {
        add_gradient(sums + (c < channels ? layout.q_column : layout.k_column), grad + c, x + c,
                     layout.slice, args.act);
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
