#include "tests/cuda/ptx_kernels.h"

#include "kernels/device.h"
#include "kernels/simt/ptx.h"

namespace seqpe::test {
namespace {

constexpr int kLanes = 32;

/// 16 bytes a row, as the instructions ask for.
template <typename T, int kRows>
struct alignas(16) Rows {
  T element[kRows][16 / sizeof(T)];
};

__global__ void mma_kernel(float* d, const std::uint32_t* a, const std::uint32_t* b, const float* c,
                           bool in_place) {
  const int lane = static_cast<int>(threadIdx.x);
  std::uint32_t fragment_a[4], fragment_b[2];
  float fragment_c[4], fragment_d[4];
  for (int i = 0; i < 4; ++i) fragment_a[i] = a[lane * 4 + i];
  for (int i = 0; i < 2; ++i) fragment_b[i] = b[lane * 2 + i];
  for (int i = 0; i < 4; ++i) fragment_c[i] = c[lane * 4 + i];
  if (in_place)
    simt::mma_m16n8k16(fragment_c, fragment_a, fragment_b, fragment_c);
  else
    simt::mma_m16n8k16(fragment_d, fragment_a, fragment_b, fragment_c);
  for (int i = 0; i < 4; ++i) d[lane * 4 + i] = in_place ? fragment_c[i] : fragment_d[i];
}

__global__ void ldmatrix_kernel(std::uint32_t* r, const std::uint16_t* rows, const int* row_of_lane,
                                bool transposed) {
  using Tile = Rows<std::uint16_t, kLanes>;
  SEQPE_SHARED(Tile, tile);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 8; ++i) tile.element[lane][i] = rows[lane * 8 + i];
  __syncwarp();
  std::uint32_t registers[4];
  const std::uint32_t address = simt::shared_address(tile.element[row_of_lane[lane]]);
  if (transposed)
    simt::ldmatrix_x4_transposed(registers, address);
  else
    simt::ldmatrix_x4(registers, address);
  for (int i = 0; i < 4; ++i) r[lane * 4 + i] = registers[i];
}

__global__ void cp_async_kernel(std::uint32_t* first, std::uint32_t* second,
                                const std::uint32_t* from, const int* valid) {
  using Chunks = Rows<std::uint32_t, 2 * kLanes>;
  SEQPE_SHARED(Chunks, chunks);
  const int lane = static_cast<int>(threadIdx.x);
  // What zeros must overwrite.
  for (int chunk = 0; chunk < 2; ++chunk) {
    for (int i = 0; i < 4; ++i) chunks.element[2 * lane + chunk][i] = 0xdeadbeefu;
  }
  __syncwarp();
  for (int chunk = 0; chunk < 2; ++chunk) {
    const int number = 2 * lane + chunk;
    const bool is_valid = valid[number] != 0;
    simt::cp_async_16(simt::shared_address(chunks.element[number]),
                      from + (is_valid ? number : 2 * kLanes + number) * 4, is_valid);
    simt::cp_async_commit();
  }
  simt::cp_async_wait<1>();
  for (int i = 0; i < 4; ++i) first[lane * 4 + i] = chunks.element[2 * lane][i];
  simt::cp_async_wait<0>();
  __syncwarp();
  for (int i = 0; i < 4; ++i) second[lane * 4 + i] = chunks.element[2 * (lane ^ 1) + 1][i];
}

__global__ void pack_bf16x2_kernel(std::uint32_t* pairs, const float* low, const float* high) {
  const unsigned i = blockIdx.x * kLanes + threadIdx.x;
  pairs[i] = simt::pack_bf16x2(low[i], high[i]);
}

__global__ void exp2_kernel(float* powers, const float* x) {
  const unsigned i = blockIdx.x * kLanes + threadIdx.x;
  powers[i] = simt::exp2_approximate(x[i]);
}

simt::Launch warps(const char* name, int count) {
  return {name, dim3(static_cast<unsigned>(count / kLanes)), dim3(kLanes)};
}

}  // namespace

void run_mma(float* d, const std::uint32_t* a, const std::uint32_t* b, const float* c,
             bool in_place) {
  simt::launch(kernels::device_context(), warps("mma", kLanes), mma_kernel, d, a, b, c, in_place);
}

void run_ldmatrix(std::uint32_t* r, const std::uint16_t* rows, const int* row_of_lane,
                  bool transposed) {
  simt::launch(kernels::device_context(), warps("ldmatrix", kLanes), ldmatrix_kernel, r, rows,
               row_of_lane, transposed);
}

void run_cp_async(std::uint32_t* first, std::uint32_t* second, const std::uint32_t* from,
                  const int* valid) {
  simt::launch(kernels::device_context(), warps("cp_async", kLanes), cp_async_kernel, first, second,
               from, valid);
}

void run_pack_bf16x2(std::uint32_t* pairs, const float* low, const float* high, int count) {
  simt::launch(kernels::device_context(), warps("pack_bf16x2", count), pack_bf16x2_kernel, pairs,
               low, high);
}

void run_exp2(float* powers, const float* x, int count) {
  simt::launch(kernels::device_context(), warps("exp2", count), exp2_kernel, powers, x);
}

}  // namespace seqpe::test
