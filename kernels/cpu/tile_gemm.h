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

/// a(r, k) = data[r * row + k * depth]
template <typename A>
struct TileOperand {
  const A* data;
  std::int64_t row, depth;
};

template <int R, int N, Onto kOnto, typename A>
static inline void tile_block(A* c, std::int64_t c_stride, const TileOperand<A>& a, const A* b,
                              std::int64_t b_stride, std::int64_t depth) {
  using V = typename Vector<A>::type;
  constexpr std::int64_t kLanes = Vector<A>::kLanes;
  V sums[R][N];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) sums[r][n] = V{};
    __builtin_prefetch(c + r * c_stride, 1);
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    V row[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) row[n] = *reinterpret_cast<const V*>(b + k * b_stride + n * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const A factor = a.data[r * a.row + k * a.depth];
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sums[r][n] += factor * row[n];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      V* const to = reinterpret_cast<V*>(c + r * c_stride + n * kLanes);
      *to = kOnto == Onto::sums ? *to + sums[r][n] : sums[r][n];
    }
  }
}

template <int N, Onto kOnto, typename A>
static inline void tile_columns(A* c, std::int64_t c_stride, std::int64_t rows, TileOperand<A> a,
                                const A* b, std::int64_t b_stride, std::int64_t depth) {
  std::int64_t r = 0;
  for (; r + kBlockRows <= rows; r += kBlockRows) {
    tile_block<kBlockRows, N, kOnto>(c + r * c_stride, c_stride,
                                     {a.data + r * a.row, a.row, a.depth}, b, b_stride, depth);
  }
  c += r * c_stride;
  a.data += r * a.row;
  switch (rows - r) {
    case 5:
      return tile_block<5, N, kOnto>(c, c_stride, a, b, b_stride, depth);
    case 4:
      return tile_block<4, N, kOnto>(c, c_stride, a, b, b_stride, depth);
    case 3:
      return tile_block<3, N, kOnto>(c, c_stride, a, b, b_stride, depth);
    case 2:
      return tile_block<2, N, kOnto>(c, c_stride, a, b, b_stride, depth);
    case 1:
      return tile_block<1, N, kOnto>(c, c_stride, a, b, b_stride, depth);
    default:
      return;
  }
}

/// c[rows, columns] (+)= a[rows, depth] b[depth, columns]; columns is a multiple of the vector
/// length.
template <Onto kOnto = Onto::sums, typename A>
static inline void tile_gemm(A* c, std::int64_t c_stride, std::int64_t rows, std::int64_t columns,
                             TileOperand<A> a, const A* b, std::int64_t b_stride,
                             std::int64_t depth) {
  constexpr std::int64_t kLanes = Vector<A>::kLanes;
  std::int64_t column = 0;
  for (; column + kBlockVectors * kLanes <= columns; column += kBlockVectors * kLanes) {
    tile_columns<kBlockVectors, kOnto>(c + column, c_stride, rows, a, b + column, b_stride, depth);
  }
  for (; column < columns; column += kLanes) {
    tile_columns<1, kOnto>(c + column, c_stride, rows, a, b + column, b_stride, depth);
  }
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
