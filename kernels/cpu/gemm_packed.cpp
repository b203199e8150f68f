// A block of b is packed into panels of a few columns, so that the inner product walks memory in
// order whatever the strides and transposes (Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication", 2008): a panel and a task's rows of a stay in the first two caches, and
// the next panel is on its way. Rows of a are read where they lie; a transposed a is packed by
// those that a step takes. The order of every sum depends on the sizes alone: bit-equal for any
// number of threads.
#include "kernels/cpu/gemm_packed.h"

#include <omp.h>

#include "kernels/common/cut.h"
#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/numeric.h"
#include "kernels/cpu/tile_gemm.h"
#include "kernels/cpu/transpose.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kDepth = 384;                 // of the sum over k that a pass takes
constexpr std::int64_t kPackedAtOnce = 1024 * 1024;  // elements of b
constexpr std::int64_t kRowsAtOnce = 4096;           // of sums kept beside out
constexpr std::int64_t kColumnsAtOnce = 3072;
constexpr std::int64_t kTaskRows = 96;  // of out, at most: a thread's at a time
constexpr std::int64_t kTasksAThread = 16;
constexpr std::int64_t kLeastColumns = 192, kLeastPackedColumns = 384;  // of a task
static_assert(kTaskRows % kBlockRows == 0, "pieces of whole steps hold at most kTaskRows");

template <typename A>
constexpr std::int64_t kPanelColumns = kBlockVectors* Vector<A>::kLanes;

static inline std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
static inline std::int64_t round_up(std::int64_t count, std::int64_t unit) {
  return pieces_of(count, unit) * unit;
}

/// How threads share rows x columns of an output: pieces of rows, each cut along its columns into
/// so many parts that a thread that ends first finds something left, but for parts whose packed
/// rows of a would be used too little.
struct Tasks {
  Cut by_rows, by_columns;
};
static inline Tasks cut_for_threads(std::int64_t rows, std::int64_t columns, std::int64_t panel,
                                    bool packs_a, std::int64_t threads) {
  const Cut by_rows = cut_evenly(rows, kBlockRows, pieces_of(rows, kTaskRows));
  const std::int64_t least =
      by_rows.pieces < threads ? panel : (packs_a ? kLeastPackedColumns : kLeastColumns);
  const std::int64_t most_parts = columns < least ? 1 : columns / least;
  return {by_rows,
          cut_evenly(columns, panel,
                     smaller(most_parts, pieces_of(kTasksAThread * threads, by_rows.pieces)))};
}

/// element(i, j) = data[i * row + j * column]
template <typename T>
struct Matrix {
  const T* data;
  std::int64_t row, column;
};

/// Rows of a where they lie, by steps of kBlockRows.
template <typename A>
struct RowsInPlace {
  const A* data;
  std::int64_t stride;

  ByRows<A> step(std::int64_t s) const { return {data + s * kBlockRows * stride, stride}; }
};

/// Rows of a packed by steps, [depth, kBlockRows] each.
template <typename A>
struct PackedRows {
  const A* data;
  std::int64_t step_size;

  ByColumns<A> step(std::int64_t s) const { return {data + s * step_size, kBlockRows}; }
};

/// Rows that lie side by side are copied by whole vectors of more lanes than a step has rows: the
/// lanes too many land where the next column goes, and behind a step's last column in room for
/// them.
constexpr int kCopied = kBlockRows <= 4 ? 4 : 8;
template <typename A>
struct Copied {
  typedef A type __attribute__((vector_size(kCopied * sizeof(A)), aligned(alignof(A)), may_alias));
};
static inline std::int64_t step_size(std::int64_t depth) {
  return kBlockRows * depth + kCopied - kBlockRows;
}

/// Asks for rows [row, row + rows) of a transposed a, of at most `columns` columns from `begin` on.
template <typename T>
static inline void prefetch_rows(const Matrix<T>& a, std::int64_t row, std::int64_t rows,
                                 std::int64_t begin, std::int64_t end, std::int64_t columns) {
  for (std::int64_t c = begin; c < smaller(begin + columns, end); ++c) {
    const T* const from = a.data + row + c * a.column;
    for (std::int64_t r = 0; r < rows; r += kLine<T>) __builtin_prefetch(from + r, 0, 2);
  }
}

/// Rows [row, row + rows), columns [begin, begin + depth) of a, times alpha, by steps of
/// kBlockRows: [depth, kBlockRows] each.
template <typename T>
static inline PackedRows<Acc<T>> pack_a(Acc<T>* packed, const Matrix<T>& a, std::int64_t all_rows,
                                        std::int64_t row, std::int64_t rows, std::int64_t begin,
                                        std::int64_t depth, Acc<T> alpha) {
  const std::int64_t step = step_size(depth);
  constexpr std::int64_t kAtOnce = 16;  // columns, whose lines stay in the first-level cache
  for (std::int64_t d = 0; d < depth; d += kAtOnce) {
    const std::int64_t end = smaller(d + kAtOnce, depth);
    if (a.row == 1) prefetch_rows(a, row, rows, begin + d + 2 * kAtOnce, begin + depth, kAtOnce);
    for (std::int64_t r = 0; r < rows; r += kBlockRows) {
      const std::int64_t count = smaller(kBlockRows, rows - r);
      Acc<T>* to = packed + r / kBlockRows * step;
      if constexpr (sizeof(T) == sizeof(Acc<T>)) {
        if (a.row == 1 && row + r + kCopied <= all_rows) {
          using V = typename Copied<T>::type;
          const T* from = a.data + row + r + (begin + d) * a.column;
          for (std::int64_t i = d; i < end; ++i, from += a.column)
            *reinterpret_cast<V*>(to + i * kBlockRows) = alpha * *reinterpret_cast<const V*>(from);
          continue;
        }
      }
      for (std::int64_t i = d; i < end; ++i) {
        const T* from = a.data + (row + r) * a.row + (begin + i) * a.column;
        if (count == kBlockRows) {
          for (int n = 0; n < kBlockRows; ++n)
            to[i * kBlockRows + n] = alpha * load(from + n * a.row);
        } else {
          for (std::int64_t n = 0; n < count; ++n)
            to[i * kBlockRows + n] = alpha * load(from + n * a.row);
        }
      }
    }
  }
  return {packed, step};
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
template <Onto kOnto, typename A, typename Rows>
static inline void multiply_panel(A* out, std::int64_t stride, std::int64_t rows, const Rows& a,
                                  const A* b, std::int64_t depth) {
  const A* next = b + depth * kPanelColumns<A>;
  for (std::int64_t r = 0; r < rows; r += kBlockRows, next += depth / kStepsALine * kLine<A>) {
    tile_columns<kBlockVectors, kOnto>(out + r * stride, stride, smaller(kBlockRows, rows - r),
                                       a.step(r / kBlockRows), b, kPanelColumns<A>, depth, next);
  }
}

/// out[rows, columns] (=|+=) rows of a times packed panels of b.
template <typename A, typename Rows>
static inline void multiply_panels(A* out, std::int64_t stride, std::int64_t rows,
                                   std::int64_t columns, const Rows& a, const A* b,
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

/// The epilogue of rows [row, row + rows), columns [column, column + columns) of an item.
template <typename Out>
static inline void finish_block(const MatmulArgs& args, std::int64_t item, std::int64_t row,
                                std::int64_t rows, std::int64_t column, std::int64_t columns) {
  if (args.epilogue == Epilogue::none) return;
  const std::int64_t offset = item * args.batch_stride_out + row * args.ldc + column;
  MatmulArgs block = args;
  block.batch = 1;
  block.m = rows;
  block.n = columns;
  block.out = static_cast<Out*>(args.out) + offset;
  block.bias = static_cast<const Out*>(args.bias) + column;
  if (args.pre_activation != nullptr)
    block.pre_activation = static_cast<Out*>(args.pre_activation) + offset;
  matmul_epilogue(block);
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
  // Pieces as equal as can be.
  const std::int64_t most_depth =
      pieces_of(args.k, pieces_of(args.k, kPackedAtOnce / round_up(most_columns, kPanel)));
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
      const Tasks tasks = cut_for_threads(rows, columns, kPanel, packs_a, threads);
      for (std::int64_t k = 0; k < args.k; k += most_depth) {
        const std::int64_t packed_depth = smaller(most_depth, args.k - k);
        const Cut passes = cut_evenly(packed_depth, kStepsALine, pieces_of(packed_depth, kDepth));
        for (std::int64_t pass = 0; pass < passes.pieces; ++pass) {
          const std::int64_t d = begin_of(passes, pass);
          pack_b(packed_b.as<A>() + d * round_up(columns, kPanel), b, column, columns, k + d,
                 size_of_piece(passes, pass));
        }
        const auto compute = [&](std::int64_t task, std::int64_t) {
          const std::int64_t piece = task / tasks.by_columns.pieces,
                             part = task % tasks.by_columns.pieces,
                             r = begin_of(tasks.by_rows, piece),
                             r_end = begin_of(tasks.by_rows, piece + 1),
                             c = begin_of(tasks.by_columns, part),
                             c_end = begin_of(tasks.by_columns, part + 1);
          const Scratch packed_a =
              memory(packs_a ? pieces_of(r_end - r, kBlockRows) * step_size(kDepth) : 0);
          for (std::int64_t pass = 0; pass < passes.pieces; ++pass) {
            const std::int64_t d = begin_of(passes, pass), depth = size_of_piece(passes, pass);
            const bool overwrite = k + d == 0 && (!kSumsInPlace || args.write == Write::overwrite);
            const auto multiply_by = [&](const auto& rows_of_a) {
              multiply_panels(target + r * stride + c, stride, r_end - r, c_end - c, rows_of_a,
                              packed_b.as<A>() + d * round_up(columns, kPanel) + c * depth, depth,
                              overwrite);
            };
            if (packs_a) {
              multiply_by(pack_a(packed_a.as<A>(), a, args.m, row + r, r_end - r, k + d, depth,
                                 static_cast<A>(args.alpha)));
            } else if constexpr (sizeof(T) == sizeof(A)) {
              multiply_by(RowsInPlace<A>{a.data + (row + r) * a.row + k + d, a.row});
            }
          }
          if (kSumsInPlace && k + packed_depth == args.k)
            finish_block<Out>(args, item, row + r, r_end - r, column + c, c_end - c);
        };
        parallel_chunks(tasks.by_rows.pieces * tasks.by_columns.pieces, 1, compute);
      }
      if constexpr (!kSumsInPlace) {
        parallel_chunks(rows, kTaskRows, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t r = first; r < last; ++r) {
            for (std::int64_t c = 0; c < columns; ++c)
              write_to(block + r * args.ldc + c, target[r * columns + c], args.write);
          }
          finish_block<Out>(args, item, row + first, last - first, column, columns);
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
  if (args.m == 0 || args.n == 0) return;
  if (args.k == 0) {
    clear_items<Out>(args);
    return matmul_epilogue(args);
  }
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
