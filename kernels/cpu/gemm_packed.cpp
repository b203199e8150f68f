// A block of b is packed into panels of a few columns, so that the inner product walks memory in
// order whatever the strides and transposes (Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication", 2008): a panel stays in the first-level cache, a block of rows of a in
// the second. Rows of a are read where they lie; a transposed a is turned first. Blocks, and with
// them the order of every sum, depend on the sizes alone: bit-equal for any number of threads.
#include "kernels/cpu/gemm_packed.h"

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"
#include "kernels/cpu/tile_gemm.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kDepth = 384;        // of the sum over k that a pass takes
constexpr std::int64_t kRowsAtOnce = 4096;  // packed at a time: 4 MB of f32
constexpr std::int64_t kColumnsAtOnce = 3072;
constexpr std::int64_t kTaskRows = 48, kTaskColumns = 256;  // of out, a thread's at a time

template <typename A>
constexpr std::int64_t kPanelColumns = kBlockVectors* Vector<A>::kLanes;

static inline std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
static inline std::int64_t round_up(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit * unit;
}

/// element(i, j) = data[i * row + j * column]
template <typename T>
struct Matrix {
  const T* data;
  std::int64_t row, column;
};

/// Rows [row, row + rows), columns [begin, begin + depth) of a, times alpha: [rows, depth].
template <typename T>
void pack_a(Acc<T>* packed, const Matrix<T>& a, std::int64_t row, std::int64_t rows,
            std::int64_t begin, std::int64_t depth, Acc<T> alpha) {
  constexpr std::int64_t kSquare = 16;  // lines of both sides fit the first-level cache
  parallel_chunks(rows, kSquare, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t d = 0; d < depth; d += kSquare) {
      const std::int64_t end = smaller(d + kSquare, depth);
      for (std::int64_t r = first; r < last; ++r) {
        const T* from = a.data + (row + r) * a.row + (begin + d) * a.column;
        for (std::int64_t i = d; i < end; ++i, from += a.column)
          packed[r * depth + i] = alpha * load(from);
      }
    }
  });
}

/// Panels of kPanelColumns columns, [depth, kPanelColumns] each; zero beyond the last column.
template <typename T>
void pack_b(Acc<T>* packed, const Matrix<T>& b, std::int64_t column, std::int64_t columns,
            std::int64_t begin, std::int64_t depth) {
  constexpr std::int64_t kPanel = kPanelColumns<Acc<T>>;
  parallel_chunks(columns, kPanel, [&](std::int64_t first, std::int64_t last) {
    Acc<T>* panel = packed + first * depth;
    const T* from = b.data + begin * b.row + (column + first) * b.column;
    const bool whole = last - first == kPanel;
    for (std::int64_t d = 0; d < depth; ++d, panel += kPanel, from += b.row) {
      if (whole && b.column == 1) {
        for (std::int64_t i = 0; i < kPanel; ++i) panel[i] = load(from + i);
      } else if (whole) {
        for (std::int64_t i = 0; i < kPanel; ++i) panel[i] = load(from + i * b.column);
      } else {
        for (std::int64_t i = 0; i < kPanel; ++i)
          panel[i] = first + i < last ? load(from + i * b.column) : Acc<T>(0);
      }
    }
  });
}

/// out[rows, columns] (=|+=) rows of a times a panel of b. columns may be fewer than the panel's.
template <typename A>
static inline void multiply_panel(A* out, std::int64_t stride, std::int64_t rows,
                                  std::int64_t columns, const TileOperand<A>& a, const A* b,
                                  std::int64_t depth, bool overwrite) {
  constexpr std::int64_t kPanel = kPanelColumns<A>;
  A edge[kTaskRows * kPanel];
  const bool whole = columns == kPanel;
  A* tile = whole ? out : edge;
  const std::int64_t tile_stride = whole ? stride : kPanel;
  if (!whole || overwrite) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < kPanel; ++c)
        tile[r * tile_stride + c] = overwrite || c >= columns ? A(0) : out[r * stride + c];
    }
  }
  tile_columns<kBlockVectors>(tile, tile_stride, rows, a, b, kPanel, depth);
  if (whole) return;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) out[r * stride + c] = tile[r * kPanel + c];
  }
}

/// out[rows, columns] (=|+=) rows of a times packed b, cut into tasks.
template <typename A>
void multiply_packed(A* out, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                     const TileOperand<A>& a, const A* b, std::int64_t depth, bool overwrite) {
  constexpr std::int64_t kPanel = kPanelColumns<A>;
  const std::int64_t task_rows = (rows + kTaskRows - 1) / kTaskRows,
                     task_columns = (columns + kTaskColumns - 1) / kTaskColumns;
  parallel_chunks(task_rows * task_columns, 1, [&](std::int64_t task, std::int64_t) {
    const std::int64_t row = task / task_columns * kTaskRows,
                       column = task % task_columns * kTaskColumns;
    const std::int64_t row_count = smaller(kTaskRows, rows - row),
                       column_end = smaller(column + kTaskColumns, columns);
    for (std::int64_t c = column; c < column_end; c += kPanel) {
      multiply_panel(out + row * stride + c, stride, row_count, smaller(kPanel, column_end - c),
                     {a.data + row * a.row, a.row, a.depth}, b + c * depth, depth, overwrite);
    }
  });
}

/// One product. Where Out is not the type of the sums, a block of sums is kept beside and rounded
/// once.
template <typename T, typename Out>
void multiply_item(const MatmulArgs& args, std::int64_t item) {
  using A = Acc<T>;
  constexpr bool kSumsInPlace = sizeof(Out) == sizeof(A);
  const Matrix<T> a = {static_cast<const T*>(args.a) + item * args.batch_stride_a,
                       args.trans_a ? 1 : args.lda, args.trans_a ? args.lda : 1};
  const Matrix<T> b = {static_cast<const T*>(args.b) + item * args.batch_stride_b,
                       args.trans_b ? 1 : args.ldb, args.trans_b ? args.ldb : 1};
  Out* out = static_cast<Out*>(args.out) + item * args.batch_stride_out;
  const std::int64_t most_rows = smaller(args.m, kRowsAtOnce),
                     most_columns = smaller(args.n, kColumnsAtOnce);
  const std::int64_t most_depth = smaller(args.k, kDepth);
  const auto memory = [](std::int64_t count) {
    return Scratch(static_cast<std::size_t>(count) * sizeof(A));
  };
  const bool packs_a = sizeof(T) != sizeof(A) || args.trans_a || args.alpha != 1.0;
  const Scratch packed_a = memory(packs_a ? most_rows * most_depth : 0);
  const Scratch packed_b = memory(round_up(most_columns, kPanelColumns<A>) * most_depth);
  const Scratch sums = memory(kSumsInPlace ? 0 : most_rows * most_columns);
  for (std::int64_t column = 0; column < args.n; column += kColumnsAtOnce) {
    const std::int64_t columns = smaller(kColumnsAtOnce, args.n - column);
    for (std::int64_t row = 0; row < args.m; row += kRowsAtOnce) {
      const std::int64_t rows = smaller(kRowsAtOnce, args.m - row);
      Out* block = out + row * args.ldc + column;
      A* target = kSumsInPlace ? reinterpret_cast<A*>(block) : sums.as<A>();
      const std::int64_t stride = kSumsInPlace ? args.ldc : columns;
      for (std::int64_t d = 0; d < args.k; d += kDepth) {
        const std::int64_t depth = smaller(kDepth, args.k - d);
        TileOperand<A> rows_of_a{packed_a.as<A>(), depth, 1};
        if (packs_a) {
          pack_a(packed_a.as<A>(), a, row, rows, d, depth, static_cast<A>(args.alpha));
        } else {
          rows_of_a = {reinterpret_cast<const A*>(a.data) + row * a.row + d, a.row, 1};
        }
        pack_b(packed_b.as<A>(), b, column, columns, d, depth);
        const bool overwrite = d == 0 && (!kSumsInPlace || args.write == Write::overwrite);
        multiply_packed<A>(target, stride, rows, columns, rows_of_a, packed_b.as<A>(), depth,
                           overwrite);
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
