// Backward: a thread owns a run of columns and walks all indices in order, so equal indices never
// meet and every sum has one order.
#include "kernels/embedding.h"

#include "kernels/common/parallel.h"
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

template <typename T>
void backward(const EmbeddingBackwardArgs& args) {
  T* table = static_cast<T*>(args.grad_table);
  constexpr std::int64_t kColumnsPerChunk = 64;  // 256 bytes of a row: full cache lines
  parallel_chunks(args.cols, kColumnsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    if (args.write == Write::overwrite) {
      for (std::int64_t row = 0; row < args.rows; ++row) {
        for (std::int64_t c = begin; c < end; ++c) store(table + row * args.cols + c, Acc<T>(0));
      }
    }
    for (std::int64_t i = 0; i < args.count; ++i) {
      T* target = table + args.indices[i] * args.cols;
      const T* grad = static_cast<const T*>(args.grad_out) + i * args.cols;
#pragma omp simd
      for (std::int64_t c = begin; c < end; ++c)
        store(target + c, load(target + c) + load(grad + c));
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
