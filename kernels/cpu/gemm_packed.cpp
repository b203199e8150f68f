// A block of b is packed into panels of a few columns, so that the inner product walks memory in
// order whatever the strides and transposes (Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication", 2008): a panel stays in the first-level cache, a task's rows of a in the
// second. Those are read where they lie; a transposed a is packed by the rows that a step takes.
// The order of every sum depends on the sizes alone: bit-equal for any number of threads.
#include "kernels/cpu/gemm_packed.h"

#include <omp.h>

#include "kernels/common/cut.h"
#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"
#include "kernels/cpu/tile_gemm.h"
#include "kernels/cpu/transpose.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kDepth = 400;        // of the sum over k that a pass takes
constexpr std::int64_t kRowsAtOnce = 4096;  // of sums kept beside out
constexpr std::int64_t kColumnsAtOnce = 3072;
constexpr std::int64_t kTaskRows = 96, kTaskColumns = 384;  // of out, at most: a thread's at a time
static_assert(kTaskRows % kBlockRows == 0, "pieces of whole steps hold at most kTaskRows");

template <typename A>
constexpr std::int64_t kPanelColumns = kBlockVectors* Vector<A>::kLanes;

static inline std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
static inline std::int64_t round_up(std::int64_t count, std::int64_t unit) {
  return pieces_of(count, unit) * unit;
}

/// Pieces of at most `most`, a multiple of `unit`, for so many threads alike.
static inline Cut cut_for_threads(std::int64_t length, std::int64_t unit, std::int64_t most,
                                  std::int64_t threads) {
  return cut_evenly(length, unit, round_up(pieces_of(length, most), threads));
}

/// element(i, j) = data[i * row + j * column]
template <typename T>
struct Matrix {
  const T* data;
  std::int64_t row, column;
};

/// Rows of a as the steps of a task read them: step s its kBlockRows from data + s * step on.
template <typename A>
struct StepRows {
  const A* data;
  std::int64_t step, row, depth;

  TileOperand<A> at(std::int64_t s) const { return {data + s * step, row, depth}; }
};

/// Rows [row, row + rows), columns [begin, begin + depth) of a, times alpha, by steps of
/// kBlockRows: [depth, kBlockRows] each.
template <typename T>
static inline StepRows<Acc<T>> pack_a(Acc<T>* packed, const Matrix<T>& a, std::int64_t row,
                                      std::int64_t rows, std::int64_t begin, std::int64_t depth,
                                      Acc<T> alpha) {
  constexpr std::int64_t kAtOnce = 16;  // columns, whose lines stay in the first-level cache
  for (std::int64_t d = 0; d < depth; d += kAtOnce) {
    const std::int64_t end = smaller(d + kAtOnce, depth);
    for (std::int64_t r = 0; r < rows; r += kBlockRows) {
      const std::int64_t count = smaller(kBlockRows, rows - r);
      Acc<T>* to = packed + r * depth;
      for (std::int64_t i = d; i < end; ++i) {
        const T* from = a.data + (row + r) * a.row + (begin + i) * a.column;

        if (count == kBlockRows && a.row == 1) {
          for (int n = 0; n < kBlockRows; ++n) to[i * kBlockRows + n] = alpha * load(from + n);
        } else if (count == kBlockRows) {
          for (int n = 0; n < kBlockRows; ++n)
            to[i * kBlockRows + n] = alpha * load(from + n * a.row);
        } else {
          for (std::int64_t n = 0; n < count; ++n)
            to[i * kBlockRows + n] = alpha * load(from + n * a.row);
        }
      }
    }
  }
  return {packed, kBlockRows * depth, 1, kBlockRows};
}

/// Panels of kPanelColumns columns, [depth, kPanelColumns] each; zero beyond the last column.
template <typename T>
void pack_b(Acc<T>* packed, const Matrix<T>& b, std::int64_t column, std::int64_t columns,
            std::int64_t begin, std::int64_t depth) {
  constexpr std::int64_t kPanel = kPanelColumns<Acc<T>>;
  const std::int64_t whole = columns / kPanel * kPanel;
  const T* const from = b.data + begin * b.row + column * b.column;
  if (b.column == 1) {
    constexpr std::int64_t kRows = 16;  // of b, a thread's at a time
    parallel_chunks(depth, kRows, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t d = first; d < last; ++d) {
        const T* const row = from + d * b.row;
        for (std::int64_t c = 0; c < whole; c += kPanel) {
          Acc<T>* const to = packed + c * depth + d * kPanel;
          for (std::int64_t i = 0; i < kPanel; ++i) to[i] = load(row + c + i);
        }
        if (whole == columns) continue;
        Acc<T>* const to = packed + whole * depth + d * kPanel;
        for (std::int64_t i = 0; i < kPanel; ++i)
          to[i] = whole + i < columns ? load(row + whole + i) : Acc<T>(0);
      }
    });
    return;
  }
  parallel_chunks(columns, kPanel, [&](std::int64_t first, std::int64_t last) {
    Acc<T>* panel = packed + first * depth;
    if constexpr (sizeof(T) == sizeof(Acc<T>)) {
      if (last - first == kPanel)
        return transpose(panel, kPanel, from + first * b.column, b.column, kPanel, depth);
    }
    for (std::int64_t d = 0; d < depth; ++d, panel += kPanel) {
      for (std::int64_t i = 0; i < kPanel; ++i)
        panel[i] = first + i < last ? load(from + d * b.row + (first + i) * b.column) : Acc<T>(0);
    }
  });
}

/// out[rows, kPanelColumns] (=|+=) rows of a times a panel of b.
template <Onto kOnto, typename A>
static inline void multiply_panel(A* out, std::int64_t stride, std::int64_t rows,
                                  const StepRows<A>& a, const A* b, std::int64_t depth) {
  for (std::int64_t r = 0; r < rows; r += kBlockRows) {
    tile_columns<kBlockVectors, kOnto>(out + r * stride, stride, smaller(kBlockRows, rows - r),
                                       a.at(r / kBlockRows), b, kPanelColumns<A>, depth);
  }
}

/// out[rows, columns] (=|+=) rows of a times packed panels of b.
template <typename A>
static inline void multiply_panels(A* out, std::int64_t stride, std::int64_t rows,
                                   std::int64_t columns, const StepRows<A>& a, const A* b,
                                   std::int64_t depth, bool overwrite) {
  constexpr std::int64_t kPanel = kPanelColumns<A>;
  std::int64_t c = 0;
  for (; c + kPanel <= columns; c += kPanel) {
    if (overwrite) {
      multiply_panel<Onto::nothing>(out + c, stride, rows, a, b + c * depth, depth);
    } else {
      multiply_panel<Onto::sums>(out + c, stride, rows, a, b + c * depth, depth);
    }
  }
  if (c == columns) return;
  A edge[kTaskRows * kPanel];  // the last panel has more columns than out
  multiply_panel<Onto::nothing>(edge, kPanel, rows, a, b + c * depth, depth);
  for (std::int64_t r = 0; r < rows; ++r) {
    A* const to = out + r * stride + c;
    for (std::int64_t i = 0; i < columns - c; ++i)
      to[i] = overwrite ? edge[r * kPanel + i] : to[i] + edge[r * kPanel + i];
  }
}

/// One product. Where Out is not the type of the sums, a block of sums is kept beside and rounded
/// once.
template <typename T, typename Out>
void multiply_item(const MatmulArgs& args, std::int64_t item) {
  using A = Acc<T>;
  constexpr std::int64_t kPanel = kPanelColumns<A>;
  constexpr bool kSumsInPlace = sizeof(Out) == sizeof(A);
  const Matrix<T> a = {static_cast<const T*>(args.a) + item * args.batch_stride_a,
                       args.trans_a ? 1 : args.lda, args.trans_a ? args.lda : 1};
  const Matrix<T> b = {static_cast<const T*>(args.b) + item * args.batch_stride_b,
                       args.trans_b ? 1 : args.ldb, args.trans_b ? args.ldb : 1};
  Out* out = static_cast<Out*>(args.out) + item * args.batch_stride_out;
  const std::int64_t most_rows = kSumsInPlace ? args.m : smaller(args.m, kRowsAtOnce),
                     most_columns = smaller(args.n, kColumnsAtOnce);
  // Passes as equal as can be.
  const std::int64_t most_depth = pieces_of(args.k, pieces_of(args.k, kDepth));
  const auto memory = [](std::int64_t count) {
    return Scratch(static_cast<std::size_t>(count) * sizeof(A));
  };
  const bool packs_a = sizeof(T) != sizeof(A) || args.trans_a || args.alpha != 1.0;
  const Scratch packed_b = memory(round_up(most_columns, kPanel) * most_depth);
  const Scratch sums = memory(kSumsInPlace ? 0 : most_rows * most_columns);
  const std::int64_t threads = omp_in_parallel() != 0 ? 1 : omp_get_max_threads();
  for (std::int64_t column = 0; column < args.n; column += most_columns) {
    const std::int64_t columns = smaller(most_columns, args.n - column);
    for (std::int64_t row = 0; row < args.m; row += most_rows) {
      const std::int64_t rows = smaller(most_rows, args.m - row);
      Out* block = out + row * args.ldc + column;
      A* target = kSumsInPlace ? reinterpret_cast<A*>(block) : sums.as<A>();
      const std::int64_t stride = kSumsInPlace ? args.ldc : columns;
      const Cut by_rows = cut_for_threads(rows, kBlockRows, kTaskRows, threads),
                by_columns =
                    cut_for_threads(columns, kPanel, packs_a ? kColumnsAtOnce : kTaskColumns,
                                    by_rows.pieces < threads ? threads : 1);
      for (std::int64_t d = 0; d < args.k; d += most_depth) {
        const std::int64_t depth = smaller(most_depth, args.k - d);
        pack_b(packed_b.as<A>(), b, column, columns, d, depth);
        const bool overwrite = d == 0 && (!kSumsInPlace || args.write == Write::overwrite);
        parallel_chunks(
            by_rows.pieces * by_columns.pieces, 1, [&](std::int64_t task, std::int64_t) {
              const std::int64_t piece = task / by_columns.pieces, part = task % by_columns.pieces,
                                 r = begin_of(by_rows, piece), r_end = begin_of(by_rows, piece + 1),
                                 c = begin_of(by_columns, part),
                                 c_end = begin_of(by_columns, part + 1);
              const Scratch packed_a =
                  memory(packs_a ? round_up(r_end - r, kBlockRows) * depth : 0);
              StepRows<A> rows_of_a{};
              if (packs_a) {
                rows_of_a = pack_a(packed_a.as<A>(), a, row + r, r_end - r, d, depth,
                                   static_cast<A>(args.alpha));
              } else {
                rows_of_a = {reinterpret_cast<const A*>(a.data) + (row + r) * a.row + d,
                             kBlockRows * a.row, a.row, 1};
              }
              multiply_panels(target + r * stride + c, stride, r_end - r, c_end - c, rows_of_a,
                              packed_b.as<A>() + c * depth, depth, overwrite);
            });
      }
      if constexpr (!kSumsInPlace) {
        parallel_chunks(rows, kTaskRows, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t r = first; r < last; ++r) {
            for (std::int64_t c = 0; c < columns; ++c)
              write_to(block + r * args.ldc + c, target[r * columns + c], args.write);
          }
        });
      }
    }
  }
}

template <typename Out>
void clear_items(const MatmulArgs& args) {
  if (args.write == Write::accumulate) return;
  for (std::int64_t item = 0; item < args.batch; ++item) {
    Out* out = static_cast<Out*>(args.out) + item * args.batch_stride_out;
    for (std::int64_t r = 0; r < args.m; ++r) {
      for (std::int64_t c = 0; c < args.n; ++c) store(out + r * args.ldc + c, Acc<Out>(0));
    }
  }
}

template <typename T, typename Out>
void multiply(const MatmulArgs& args) {
  if (args.k == 0) return clear_items<Out>(args);
  const auto item = [&](std::int64_t number, std::int64_t) { multiply_item<T, Out>(args, number); };
  // Threads share small products item by item: inside, parallel loops run serially.
  if (args.batch > 1 && is_small(args)) return parallel_chunks(args.batch, 1, item);
  for (std::int64_t number = 0; number < args.batch; ++number) item(number, number + 1);
}

}  // namespace

void gemm_packed(const MatmulArgs& args) {
  dispatch_floating("matmul", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (args.wide_out) return multiply<T, Acc<T>>(args);
    multiply<T, T>(args);
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
