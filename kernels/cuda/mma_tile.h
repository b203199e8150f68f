// Tiles of bf16 in shared memory and products of them on tensor cores. A block has kMmaThreads.
//
// A tile's row is kColumns elements, in chunks of 16 bytes whose places are swizzled: chunk c of
// row r lies at c ^ r % 8 (rows of 64 bytes: c ^ r / 2 % 4), so that the 8 rows of a chunk, which
// ldmatrix reads at once, lie in different banks.
//
// One map of lanes serves every fragment: matrices 0 to 3 of an ldmatrix are rows 0-7 and 8-15 of
// columns 0-7, then of columns 8-15.
#pragma once

#include <cstdint>

#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kMmaWarps = 4, kMmaThreads = 32 * kMmaWarps;

/// Bytes of a tile.
template <int kRows, int kColumns>
inline constexpr int kTileBytes = kRows* kColumns* static_cast<int>(sizeof(bf16));

/// Where a chunk lies, in bytes from the tile's first.
template <int kColumns>
__device__ __forceinline__ std::uint32_t chunk_offset(int row, int chunk) {
  static_assert(kColumns == 32 || kColumns % 64 == 0);
  const int swizzle = kColumns == 32 ? row / 2 % 4 : row % 8;
  return static_cast<std::uint32_t>(row * kColumns * 2 + (chunk ^ swizzle) * 16);
}

/// Starts the copies of rows [begin, begin + kRows) into the tile, zeros from row `rows` on;
/// `from` is 16-byte aligned and rows are `stride` elements apart, a multiple of 8.
template <int kRows, int kColumns>
__device__ __forceinline__ void copy_tile_async(std::uint32_t tile, const bf16* from,
                                                std::int64_t stride, std::int64_t begin,
                                                std::int64_t rows) {
  constexpr int kChunks = kColumns / 8, kRowsAtOnce = kMmaThreads / kChunks;
  static_assert(kRows % kRowsAtOnce == 0, "every thread copies as many chunks");
  const int row = static_cast<int>(threadIdx.x) / kChunks,
            chunk = static_cast<int>(threadIdx.x) % kChunks;
  from += (begin + row) * stride + chunk * 8;
#pragma unroll
  for (int r = 0; r < kRows; r += kRowsAtOnce) {
    simt::cp_async_16(tile + chunk_offset<kColumns>(r + row, chunk), from + r * stride,
                      begin + r + row < rows);
  }
}

/// A lane's view of a tile.
template <int kColumns>
class TileFragments {
 public:
  __device__ __forceinline__ explicit TileFragments(std::uint32_t tile) {
    const int lane = static_cast<int>(threadIdx.x) % 32, row = lane % 16;
    const std::uint32_t first = chunk_offset<kColumns>(row, lane / 16);
    row_ = tile + first / kRowBytes * kRowBytes;
    place_ = first % kRowBytes;
  }

  /// Rows [row, row + 16) by columns [column, column + 16) of the tile, both multiples of 16: as
  /// a's fragment; as b's with the tile's rows for columns {0, 2} and {1, 3}.
  __device__ __forceinline__ void load(std::uint32_t (&r)[4], int row, int column) const {
    simt::ldmatrix_x4(r, address(row, column));
  }
  /// As b's fragment with the tile's rows for rows: {0, 1} and {2, 3}.
  __device__ __forceinline__ void load_transposed(std::uint32_t (&r)[4], int row,
                                                  int column) const {
    simt::ldmatrix_x4_transposed(r, address(row, column));
  }

 private:
  static constexpr std::uint32_t kRowBytes = kColumns * 2;

  __device__ __forceinline__ std::uint32_t address(int row, int column) const {
    return row_ + static_cast<std::uint32_t>(row) * kRowBytes +
           (place_ ^ static_cast<std::uint32_t>(column * 2));
  }

  std::uint32_t row_, place_;
};

/// d += a b of one 16 x 16 fragment a and the two 16 x 8 fragments b.
__device__ __forceinline__ void multiply_add(float (&d0)[4], float (&d1)[4],
                                             const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b0)[2],
                                             const std::uint32_t (&b1)[2]) {
  simt::mma_m16n8k16(d0, a, b0, d0);
  simt::mma_m16n8k16(d1, a, b1, d1);
}

/// sums += A B^T: A the 16 kM rows of a tile from a_row on, B the 8 kN first rows of another.
template <int kM, int kN, int kColumns>
__device__ __forceinline__ void add_rows_by_rows(float (&sums)[kM][kN][4],
                                                 const TileFragments<kColumns>& a_tile, int a_row,
                                                 const TileFragments<kColumns>& b_tile) {
#pragma unroll
  for (int k = 0; k < kColumns; k += 16) {
    std::uint32_t a[kM][4];
#pragma unroll
    for (int m = 0; m < kM; ++m) a_tile.load(a[m], a_row + 16 * m, k);
#pragma unroll
    for (int n = 0; n < kN; n += 2) {
      std::uint32_t b[4];
      b_tile.load(b, 8 * n, k);
#pragma unroll
      for (int m = 0; m < kM; ++m)
        multiply_add(sums[m][n], sums[m][n + 1], a[m], {b[0], b[2]}, {b[1], b[3]});
    }
  }
}

/// sums += A B: A [16 kM, 16 kK] in registers, B the 16 kK first rows of a tile.
template <int kM, int kK, int kColumns>
__device__ __forceinline__ void add_product(float (&sums)[kM][kColumns / 8][4],
                                            const std::uint32_t (&a)[kM][kK][4],
                                            const TileFragments<kColumns>& b_tile) {
#pragma unroll
  for (int k = 0; k < kK; ++k) {
#pragma unroll
    for (int n = 0; n < kColumns / 8; n += 2) {
      std::uint32_t b[4];
      b_tile.load_transposed(b, 16 * k, 8 * n);
#pragma unroll
      for (int m = 0; m < kM; ++m)
        multiply_add(sums[m][n], sums[m][n + 1], a[m][k], {b[0], b[1]}, {b[2], b[3]});
    }
  }
}

/// The fragments of a product's result as those of the next product's a, rounded to bf16.
template <int kM, int kK>
__device__ __forceinline__ void to_fragments(std::uint32_t (&a)[kM][kK][4],
                                             const float (&x)[kM][2 * kK][4]) {
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int k = 0; k < kK; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float* pair = &x[m][2 * k + i / 2][i % 2 * 2];
        a[m][k][i] = simt::pack_bf16x2(pair[0], pair[1]);
      }
    }
  }
}

}  // namespace seqpe::kernels::cuda
