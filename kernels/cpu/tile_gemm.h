// A matrix product for tiles that sit in the cache, accumulators in registers. The block
// sizes fill the register file of each instruction set: 6 x 4 vectors of the 32 of AVX-512, 6 x 2
// of the 16 of AVX2, 4 x 2 of SSE.
#pragma once

#include <cstdint>

namespace seqpe::kernels::cpu::SEQPE_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kBlockVectors = 4, kBlockRows = 6;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kBlockVectors = 2, kBlockRows = 6;
#else
constexpr int kVectorBytes = 16, kBlockVectors = 2, kBlockRows = 4;
#endif

template <typename A>
struct Vector {
  typedef A type __attribute__((vector_size(kVectorBytes), aligned(alignof(A)), may_alias));
  static constexpr std::int64_t kLanes = kVectorBytes / static_cast<int>(sizeof(A));
};

/// Widths of packed tiles are multiples of the vector length.
template <typename A>
static constexpr std::int64_t padded(std::int64_t width) {
  return (width + Vector<A>::kLanes - 1) / Vector<A>::kLanes * Vector<A>::kLanes;
}

/// What a product does with what lies in c.
enum class Onto : std::uint8_t { sums, nothing };  // c += a b, c = a b

/// The rows of a: a(r, k) = data[r * stride + k].
template <typename A>
struct ByRows {
  const A* data;
  std::int64_t stride;

  A factor(int r) const { return data[r * stride]; }
  void next() { ++data; }
  ByRows from(std::int64_t r) const { return {data + r * stride, stride}; }
};

/// The columns of a: a(r, k) = data[k * stride + r].
template <typename A>
struct ByColumns {
  const A* data;
  std::int64_t stride;

  A factor(int r) const { return data[r]; }
  void next() { data += stride; }
  ByColumns from(std::int64_t r) const { return {data + r, stride}; }
};

/// While a block is computed, what is read after it comes into the second-level cache: a line for
/// so many steps of depth.
constexpr int kStepsALine = 4;
template <typename A>
constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(A));

/// `after`: what is read next, or null.
template <int R, int N, Onto kOnto, typename A, typename Operand>
static inline void tile_block(A* c, std::int64_t c_stride, Operand a, const A* b,
                              std::int64_t b_stride, std::int64_t depth, const A* after) {
  using V = typename Vector<A>::type;
  constexpr std::int64_t kLanes = Vector<A>::kLanes;
  V sums[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) sums[r][n] = V{};
    __builtin_prefetch(c + r * c_stride, 1);
  }
  const auto add_step = [&] {
    V row[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) row[n] = *reinterpret_cast<const V*>(b + n * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const A factor = a.factor(r);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sums[r][n] += factor * row[n];
    }
    a.next();
    b += b_stride;
  };
  std::int64_t k = 0;
  if (after != nullptr) {
    for (; k + kStepsALine <= depth; k += kStepsALine, after += kLine<A>) {
      __builtin_prefetch(after, 0, 2);
#pragma GCC unroll 4
      for (int step = 0; step < kStepsALine; ++step) add_step();
    }
  }
  for (; k < depth; ++k) add_step();
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      V* const to = reinterpret_cast<V*>(c + r * c_stride + n * kLanes);
      *to = kOnto == Onto::sums ? *to + sums[r][n] : sums[r][n];
    }
  }
}

template <int N, Onto kOnto, typename A, typename Operand>
static inline void tile_columns(A* c, std::int64_t c_stride, std::int64_t rows, const Operand& a,
                                const A* b, std::int64_t b_stride, std::int64_t depth,
                                const A* after = nullptr) {
  std::int64_t r = 0;
  for (; r + kBlockRows <= rows; r += kBlockRows) {
    tile_block<kBlockRows, N, kOnto>(c + r * c_stride, c_stride, a.from(r), b, b_stride, depth,
                                     after);
  }
  c += r * c_stride;
  switch (rows - r) {
    case 5:
      return tile_block<5, N, kOnto>(c, c_stride, a.from(r), b, b_stride, depth, after);
    case 4:
      return tile_block<4, N, kOnto>(c, c_stride, a.from(r), b, b_stride, depth, after);
    case 3:
      return tile_block<3, N, kOnto>(c, c_stride, a.from(r), b, b_stride, depth, after);
    case 2:
      return tile_block<2, N, kOnto>(c, c_stride, a.from(r), b, b_stride, depth, after);
    case 1:
      return tile_block<1, N, kOnto>(c, c_stride, a.from(r), b, b_stride, depth, after);
    default:
      return;
  }
}

/// c[rows, columns] (+)= a[rows, depth] b[depth, columns]; columns is a multiple of the vector
/// length.
template <Onto kOnto = Onto::sums, typename A, typename Operand>
static inline void tile_gemm(A* c, std::int64_t c_stride, std::int64_t rows, std::int64_t columns,
                             const Operand& a, const A* b, std::int64_t b_stride,
                             std::int64_t depth) {
  constexpr std::int64_t kLanes = Vector<A>::kLanes;
  std::int64_t column = 0;
  for (; column + kBlockVectors * kLanes <= columns; column += kBlockVectors * kLanes) {
    tile_columns<kBlockVectors, kOnto>(c + column, c_stride, rows, a, b + column, b_stride, depth);
  }
  c += column;
  b += column;
  switch ((columns - column) / kLanes) {
    case 3:
      if constexpr (kBlockVectors > 3)
        return tile_columns<3, kOnto>(c, c_stride, rows, a, b, b_stride, depth);
      break;
    case 2:
      if constexpr (kBlockVectors > 2)
        return tile_columns<2, kOnto>(c, c_stride, rows, a, b, b_stride, depth);
      break;
    case 1:
      return tile_columns<1, kOnto>(c, c_stride, rows, a, b, b_stride, depth);
    default:
      return;
  }
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
