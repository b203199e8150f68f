#include "kernels/copy.h"

#include "kernels/common/parallel.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

void copy_rows(const CopyRowsArgs& args) {
  dispatch_floating("copy_rows", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_chunks(args.rows, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        T* out = static_cast<T*>(args.out) + row * args.out_stride;
        const T* x = static_cast<const T*>(args.x) + row * args.x_stride;
        if (args.write == Write::overwrite) {
          __builtin_memcpy(out, x, static_cast<std::size_t>(args.cols) * sizeof(T));
        } else {
#pragma omp simd
          for (std::int64_t c = 0; c < args.cols; ++c) store(out + c, load(out + c) + load(x + c));
        }
      }
    });
  });
}

void convert(const ConvertArgs& args) {
  dispatch_floating("to", args.from, [&](auto from) {
    dispatch_floating("to", args.to, [&](auto to) {
      using From = typename decltype(from)::type;
      using To = typename decltype(to)::type;
      const From* x = static_cast<const From*>(args.x);
      To* out = static_cast<To*>(args.out);
      const Write write = args.write;
      parallel_chunks(args.count, 16384, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
        for (std::int64_t i = begin; i < end; ++i)
          write_to(out + i, static_cast<Acc<To>>(load(x + i)), write);
      });
    });
  });
}

void fill(const FillArgs& args) {
  dispatch_floating("fill", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = static_cast<T*>(args.out);
    const auto value = static_cast<Acc<T>>(args.value);
    parallel_chunks(args.count, 16384, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) store(out + i, value);
    });
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
