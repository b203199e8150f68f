#include "kernels/elementwise.h"

#include "kernels/common/parallel.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kElementsPerChunk = 8192;

template <typename T, typename F>
void map(T* out, std::int64_t count, Write write, const F& value) {
  parallel_chunks(count, kElementsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    if (write == Write::accumulate) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) store(out + i, load(out + i) + value(i));
    } else {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) store(out + i, value(i));
    }
  });
}

}  // namespace

void add(const AddArgs& args) {
  dispatch_floating("add", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const double factor = args.factor != nullptr ? *args.factor : 1.0;
    const auto alpha = static_cast<Acc<T>>(args.alpha * factor);
    const T *a = static_cast<const T*>(args.a), *b = static_cast<const T*>(args.b);
    T* out = static_cast<T*>(args.out);
    if (b == nullptr) {
      map(out, args.count, args.write, [=](std::int64_t i) { return alpha * load(a + i); });
    } else {
      map(out, args.count, args.write,
          [=](std::int64_t i) { return alpha * load(a + i) + load(b + i); });
    }
  });
}

void multiply(const MultiplyArgs& args) {
  dispatch_floating("multiply", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *a = static_cast<const T*>(args.a), *b = static_cast<const T*>(args.b);
    map(static_cast<T*>(args.out), args.count, args.write,
        [=](std::int64_t i) { return load(a + i) * load(b + i); });
  });
}

void add_rows(const AddRowsArgs& args) {
  dispatch_floating("add_rows", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_chunks(args.rows, 1, [&](std::int64_t row, std::int64_t) {
      const T* x = static_cast<const T*>(args.x) + row * args.inner;
      const T* y =
          static_cast<const T*>(args.y) + (args.first_row + row) % args.blocks * args.inner;
      T* out = static_cast<T*>(args.out) + row * args.inner;
#pragma omp simd
      for (std::int64_t i = 0; i < args.inner; ++i) store(out + i, load(x + i) + load(y + i));
    });
  });
}

void add_rows_backward(const AddRowsBackwardArgs& args) {
  dispatch_floating("add_rows", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    // A thread owns elements of grad_y and sums their rows in order.
    parallel_chunks(args.blocks * args.inner, 256, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t e = begin; e < end; ++e) {
        const std::int64_t block = e / args.inner, i = e % args.inner;
        const std::int64_t offset =
            (block - args.first_row % args.blocks + args.blocks) % args.blocks;
        Acc<T> total = 0;
        for (std::int64_t row = offset; row < args.rows; row += args.blocks) {
          total += load(static_cast<const T*>(args.grad_out) + row * args.inner + i);
        }
        write_to(static_cast<T*>(args.grad_y) + e, total, args.write);
      }
    });
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
