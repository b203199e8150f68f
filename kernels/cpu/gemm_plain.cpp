// A block of rows of `out` is a thread's; b is used row by row (or transposed into scratch once),
// so the inner loop runs over contiguous columns of out and of b. The order of the sum over k is
// fixed: bit-equal for any number of threads.
#include "kernels/cpu/gemm_plain.h"

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kRows = 4;       // rows of out that share a load of b
constexpr std::int64_t kColumns = 256;  // columns of out that stay in the first-level cache
constexpr std::int64_t kDepth = 128;    // rows of b that stay in the second-level cache

template <typename T>
struct Matrix {
  const T* data;
  std::int64_t row_stride, column_stride;
  const T* at(std::int64_t row, std::int64_t column) const {
    return data + row * row_stride + column * column_stride;
  }
};

/// sums[r][c] += a[r, k] * b[k, c] for a block; b is contiguous along c.
template <typename T, typename A>
static inline void multiply_block(A (*sums)[kColumns], const Matrix<T>& a, const A* b,
                                  std::int64_t rows, std::int64_t row, std::int64_t depth_begin,
                                  std::int64_t depth, std::int64_t columns) {
  for (std::int64_t d = 0; d < depth; ++d) {
    const A* b_row = b + d * kColumns;
    for (std::int64_t r = 0; r < rows; ++r) {
      const A factor = load(a.at(row + r, depth_begin + d));
      A* sum = sums[r];
#pragma omp simd
      for (std::int64_t c = 0; c < columns; ++c) sum[c] += factor * b_row[c];
    }
  }
}

/// Rows [row_begin, row_end) of one product.
template <typename T>
void multiply_rows(const MatmulArgs& args, const Matrix<T>& a, const Matrix<T>& b, T* out,
                   std::int64_t row_begin, std::int64_t row_end) {
  using A = Acc<T>;
  const std::int64_t rows = row_end - row_begin;
  const Scratch packed_memory(static_cast<std::size_t>(kDepth * kColumns) * sizeof(A));
  A* packed = packed_memory.as<A>();
  const Scratch sum_memory(static_cast<std::size_t>((rows + kRows) * kColumns) * sizeof(A));
  auto* sums = sum_memory.as<A[kColumns]>();
  for (std::int64_t column = 0; column < args.n; column += kColumns) {
    const std::int64_t columns = args.n - column < kColumns ? args.n - column : kColumns;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) sums[r][c] = 0;
    }
    for (std::int64_t d = 0; d < args.k; d += kDepth) {
      const std::int64_t depth = args.k - d < kDepth ? args.k - d : kDepth;
      for (std::int64_t i = 0; i < depth; ++i) {
        for (std::int64_t c = 0; c < columns; ++c)
          packed[i * kColumns + c] = load(b.at(d + i, column + c));
      }
      for (std::int64_t r = 0; r < rows; r += kRows) {
        const std::int64_t block = rows - r < kRows ? rows - r : kRows;
        multiply_block(sums + r, a, packed, block, row_begin + r, d, depth, columns);
      }
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      T* target = out + (row_begin + r) * args.ldc + column;
      for (std::int64_t c = 0; c < columns; ++c) {
        write_to(target + c, static_cast<A>(args.alpha) * sums[r][c], args.write);
      }
    }
  }
}

template <typename T>
void multiply(const MatmulArgs& args) {
  constexpr std::int64_t kRowsPerChunk = 64;
  const std::int64_t row_chunks = (args.m + kRowsPerChunk - 1) / kRowsPerChunk;
  parallel_chunks(args.batch * row_chunks, 1, [&](std::int64_t begin, std::int64_t) {
    const std::int64_t item = begin / row_chunks, chunk = begin % row_chunks;
    const Matrix<T> a = {static_cast<const T*>(args.a) + item * args.batch_stride_a,
                         args.trans_a ? 1 : args.lda, args.trans_a ? args.lda : 1};
    const Matrix<T> b = {static_cast<const T*>(args.b) + item * args.batch_stride_b,
                         args.trans_b ? 1 : args.ldb, args.trans_b ? args.ldb : 1};
    const std::int64_t row_begin = chunk * kRowsPerChunk;
    const std::int64_t row_end =
        row_begin + kRowsPerChunk < args.m ? row_begin + kRowsPerChunk : args.m;
    multiply_rows(args, a, b, static_cast<T*>(args.out) + item * args.batch_stride_out, row_begin,
                  row_end);
  });
}

}  // namespace

void gemm_plain(const MatmulArgs& args) {
  dispatch_floating("matmul", args.dtype,
                    [&](auto tag) { multiply<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
