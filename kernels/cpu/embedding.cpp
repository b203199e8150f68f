// Backward: a thread owns a run of columns and walks all indices in order, so equal indices never
// meet and every sum has one order.
#include "kernels/embedding.h"

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename T>
void forward(const EmbeddingForwardArgs& args) {
  parallel_chunks(args.count, 32, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      __builtin_memcpy(static_cast<T*>(args.out) + i * args.cols,
                       static_cast<const T*>(args.table) + args.indices[i] * args.cols,
                       static_cast<std::size_t>(args.cols) * sizeof(T));
    }
  });
}

/// sums[indices[i]] += grad_out[i] in columns [begin, end); `sums` points at column `begin`.
template <typename T>
void add_rows(const EmbeddingBackwardArgs& args, Acc<T>* sums, std::int64_t stride,
              std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = 0; i < args.count; ++i) {
    Acc<T>* sum = sums + args.indices[i] * stride;
    const T* grad = static_cast<const T*>(args.grad_out) + i * args.cols + begin;
#pragma omp simd
    for (std::int64_t c = 0; c < end - begin; ++c) sum[c] += load(grad + c);
  }
}

template <typename T>
void backward(const EmbeddingBackwardArgs& args) {
  constexpr std::int64_t kColumnsPerChunk = 64;  // 256 bytes of a row: full cache lines
  parallel_chunks(args.cols, kColumnsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    T* table = static_cast<T*>(args.grad_table) + begin;
    const std::int64_t width = end - begin;
    if constexpr (sizeof(T) == sizeof(Acc<T>)) {
      if (args.write == Write::overwrite) {
        for (std::int64_t row = 0; row < args.rows; ++row)
          for (std::int64_t c = 0; c < width; ++c) table[row * args.cols + c] = 0;
      }
      add_rows<T>(args, table, args.cols, begin, end);
    } else {
      // Sums that are rounded at every addition stop growing: these are rounded at their end.
      const Scratch scratch(static_cast<std::size_t>(args.rows * width) * sizeof(Acc<T>));
      auto* const sums = scratch.as<Acc<T>>();
      for (std::int64_t row = 0; row < args.rows; ++row) {
        for (std::int64_t c = 0; c < width; ++c)
          sums[row * width + c] =
              args.write == Write::overwrite ? 0 : load(table + row * args.cols + c);
      }
      add_rows<T>(args, sums, width, begin, end);
      for (std::int64_t row = 0; row < args.rows; ++row) {
        for (std::int64_t c = 0; c < width; ++c)
          store(table + row * args.cols + c, sums[row * width + c]);
      }
    }
  });
}

}  // namespace

void embedding_forward(const EmbeddingForwardArgs& args) {
  dispatch_floating("embedding", args.dtype,
                    [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

void embedding_backward(const EmbeddingBackwardArgs& args) {
  dispatch_floating("embedding", args.dtype,
                    [&](auto tag) { backward<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
