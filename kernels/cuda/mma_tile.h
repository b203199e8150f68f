// Tiles of bf16 in shared memory and products of them on tensor cores. A block has kMmaThreads.
//
// A tile's row is kColumns elements, in chunks of 16 bytes whose places are swizzled: chunk c of
// row r lies at c ^ r % 8 (rows of 64 bytes: c ^ r / 2 % 4), so that the 8 rows of a chunk, which
// ldmatrix reads at once, lie in different banks.
//
// A fragment is four 8 x 8 matrices of a 16 x 16 square, in an order that leaves each operand of an
// mma in neighbouring registers.
#pragma once

#include <cstdint>

#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kMmaWarps = 4, kMmaThreads = 32 * kMmaWarps;

/// Bytes of a tile.
template <int kRows, int kColumns>
inline constexpr int kTileBytes = kRows* kColumns* static_cast<int>(sizeof(bf16));

/// Where a chunk lies, in bytes from the tile's first. Unsigned, so that row % 8 is known to be the
/// same 8 rows on.
template <int kColumns>
__host__ __device__ constexpr std::uint32_t chunk_offset(unsigned row, unsigned chunk) {
  static_assert(kColumns == 32 || kColumns % 64 == 0);
  const unsigned swizzle = kColumns == 32 ? row / 2 % 4 : row % 8;
  return row * kColumns * 2 + (chunk ^ swizzle) * 16;
}

/// Whether the 8 rows of each chunk, which make one phase of ldmatrix, lie in all 32 banks.
template <int kColumns>
constexpr bool is_free_of_bank_conflicts() {
  for (unsigned chunk = 0; chunk < kColumns / 8; ++chunk) {
    unsigned banks = 0;  // a bit every four
    for (unsigned row = 0; row < 8; ++row)
      banks |= 1u << chunk_offset<kColumns>(row, chunk) / 16 % 8;
    if (banks != 0xff) return false;
  }
  return true;
}
static_assert(is_free_of_bank_conflicts<32>() && is_free_of_bank_conflicts<64>() &&
              is_free_of_bank_conflicts<128>());

/// Starts the copies of rows [begin, begin + kRows) into the tile, zeros from row `rows` on;
/// `from` is 16-byte aligned and rows are `stride` elements apart, a multiple of 8.
template <int kRows, int kColumns>
__device__ __forceinline__ void copy_tile_async(std::uint32_t tile, const bf16* from, int stride,
                                                int begin, int rows) {
  constexpr int kChunks = kColumns / 8, kRowsAtOnce = kMmaThreads / kChunks;
  static_assert(kRows % kRowsAtOnce == 0, "every thread copies as many chunks");
  const unsigned row = threadIdx.x / kChunks, chunk = threadIdx.x % kChunks;
  begin += static_cast<int>(row);
  from += static_cast<std::int64_t>(begin) * stride + chunk * 8;
#pragma unroll
  for (int r = 0; r < kRows; r += kRowsAtOnce) {
    simt::cp_async_16(tile + chunk_offset<kColumns>(static_cast<unsigned>(r) + row, chunk), from,
                      begin + r < rows);
    from += static_cast<std::int64_t>(kRowsAtOnce) * stride;
  }
}

/// A lane's view of a tile: where it finds its row of a fragment's matrices.
template <int kColumns>
class TileFragments {
 public:
  /// The square at [row, column], both multiples of 16, as four registers.
  __device__ __forceinline__ void load(std::uint32_t (&r)[4], int row, int column) const {
    simt::ldmatrix_x4(r, address(row, column));
  }
  __device__ __forceinline__ void load_transposed(std::uint32_t (&r)[4], int row,
                                                  int column) const {
    simt::ldmatrix_x4_transposed(r, address(row, column));
  }

  /// Matrices in the order (upper left, lower left, upper right, lower right): an operand a; or
  /// transposed, two operands b whose rows are the tile's.
  __device__ static __forceinline__ TileFragments by_columns(std::uint32_t tile) {
    return TileFragments(tile, threadIdx.x % 16, threadIdx.x / 16 % 2);
  }
  /// The tile's half from `column` on, which is 0 or kColumns / 2: it becomes column 0.
  __device__ __forceinline__ TileFragments from_column(int column) const {
    TileFragments part = *this;
    part.place_ ^= static_cast<std::uint32_t>(column * 2);
    return part;
  }
  /// Matrices in the order (upper left, upper right, lower left, lower right): two operands b whose
  /// columns are the tile's rows.
  __device__ static __forceinline__ TileFragments by_rows(std::uint32_t tile) {
    return TileFragments(tile, threadIdx.x / 16 % 2 * 8 + threadIdx.x % 8, threadIdx.x / 8 % 2);
  }

 private:
  static constexpr std::uint32_t kRowBytes = kColumns * 2;

  __device__ __forceinline__ TileFragments(std::uint32_t tile, unsigned row, unsigned chunk)
      : row_(tile + row * kRowBytes), place_(chunk_offset<kColumns>(row, chunk) % kRowBytes) {}

  __device__ __forceinline__ std::uint32_t address(int row, int column) const {
    return row_ + static_cast<std::uint32_t>(row) * kRowBytes +
           (place_ ^ static_cast<std::uint32_t>(column * 2));
  }

  std::uint32_t row_, place_;
};

/// d += a b for the two operands b of a fragment.
__device__ __forceinline__ void multiply_add(float (&d0)[4], float (&d1)[4],
                                             const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b)[4]) {
  simt::mma_m16n8k16(d0, a, {b[0], b[1]}, d0);
  simt::mma_m16n8k16(d1, a, {b[2], b[3]}, d1);
}

/// 16 kM rows of a tile as operands a. The first kHeld columns are kept in kM kHeld / 4 registers
/// once `hold` was called, the others fetched from the tile for every product.
template <int kM, int kColumns, int kHeld>
class WarpRows {
 public:
  __device__ __forceinline__ WarpRows(std::uint32_t tile, int first_row)
      : tile_(TileFragments<kColumns>::by_columns(tile)), first_row_(first_row) {}

  /// The tile must be there.
  __device__ __forceinline__ void hold() {
#pragma unroll
    for (int column = 0; column < kHeld; column += 16) load(held_[column / 16], column);
  }
  /// The columns [column, column + 16).
  __device__ __forceinline__ void get(std::uint32_t (&a)[kM][4], int column) const {
    if (column >= kHeld) return load(a, column);
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int i = 0; i < 4; ++i) a[m][i] = held_[column / 16][m][i];
    }
  }

 private:
  __device__ __forceinline__ void load(std::uint32_t (&a)[kM][4], int column) const {
#pragma unroll
    for (int m = 0; m < kM; ++m) tile_.load(a[m], first_row_ + 16 * m, column);
  }

  TileFragments<kColumns> tile_;
  int first_row_;
  std::uint32_t held_[kHeld > 0 ? kHeld / 16 : 1][kM][4];
};

/// sums += A B^T: B the 8 kN first rows of a tile (by_rows).
template <int kM, int kN, int kColumns, int kHeld>
__device__ __forceinline__ void add_rows_by_rows(float (&sums)[kM][kN][4],
                                                 const WarpRows<kM, kColumns, kHeld>& a_rows,
                                                 const TileFragments<kColumns>& b_tile) {
#pragma unroll
  for (int k = 0; k < kColumns; k += 16) {
    std::uint32_t a[kM][4];
    a_rows.get(a, k);
#pragma unroll
    for (int n = 0; n < kN; n += 2) {
      std::uint32_t b[4];
      b_tile.load(b, 8 * n, k);
#pragma unroll
      for (int m = 0; m < kM; ++m) multiply_add(sums[m][n], sums[m][n + 1], a[m], b);
    }
  }
}

/// sums += A B: A [16 kM, 16 kK] in registers, B the 16 kK first rows and 8 kN first columns of a
/// tile (by_columns).
template <int kM, int kK, int kN, int kColumns>
__device__ __forceinline__ void add_product(float (&sums)[kM][kN][4],
                                            const std::uint32_t (&a)[kM][kK][4],
                                            const TileFragments<kColumns>& b_tile) {
#pragma unroll
  for (int k = 0; k < kK; ++k) {
#pragma unroll
    for (int n = 0; n < kN; n += 2) {
      std::uint32_t b[4];
      b_tile.load_transposed(b, 16 * k, 8 * n);
#pragma unroll
      for (int m = 0; m < kM; ++m) multiply_add(sums[m][n], sums[m][n + 1], a[m][k], b);
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
