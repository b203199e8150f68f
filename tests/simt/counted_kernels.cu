#include "tests/simt/counted_kernels.h"

#include "kernels/cuda/packs.h"
#include "kernels/cuda/scratch.h"
#include "kernels/simt/ptx.h"

namespace seqpe::test {
namespace {

using kernels::cuda::DeviceScratch;
using simt::launch;

const Context kDevice{Device::cuda, nullptr};

simt::LaunchCost the_launch() {
  return simt::take_launch_costs().at(0);
}

__global__ void copy_kernel(float* out, const float* in, int stride, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  out[i] = in[i % count * stride];
}

__global__ void copy_packs_kernel(bf16* out, const bf16* in, bool packs) {
  const int first = 8 * static_cast<int>(threadIdx.x);
  if (packs) {
    simt::store_pack(out + first, simt::load_pack<8>(in + first));
  } else {
    for (int i = first; i < first + 8; ++i) out[i].bits = in[i].bits;
  }
}

template <int kStride>
__global__ void transpose_kernel(float* out, const float* in) {
  SEQPE_SHARED(float[32 * kStride], tile);
  for (unsigned row = threadIdx.y; row < 32; row += 8)
    tile[row * kStride + threadIdx.x] = in[row * 32 + threadIdx.x];
  __syncthreads();
  for (unsigned row = threadIdx.y; row < 32; row += 8)
    out[row * 32 + threadIdx.x] = tile[threadIdx.x * kStride + row];
}

__global__ void rounds_kernel(float* out) {
  SEQPE_SHARED(float[32 * 33], of_lanes);
  SEQPE_SHARED(float[8 * 32], of_rounds);  // rows that begin in one bank
  SEQPE_SHARED(float[8][32], sums);
  const unsigned lane = threadIdx.x;
  for (unsigned i = lane; i < 32 * 33; i += 32) of_lanes[i] = 1.0f;
  for (unsigned i = lane; i < 8 * 32; i += 32) of_rounds[i] = 1.0f;
  __syncwarp();
  for (unsigned round = 0; round < 8; ++round) {
    float sum = 0.0f;
    if (lane != round) {
      for (unsigned c = 0; c < 4; ++c) sum += of_rounds[round * 32 + c] * of_lanes[lane * 33 + c];
    }
    sums[round][lane] = sum;
  }
  out[lane] = sums[0][lane];
}

__global__ void multiply_kernel(float* out, const bf16* in) {
  SEQPE_SHARED(bf16[16 * 16], tile);
  const unsigned lane = threadIdx.x;
  simt::cp_async_16(simt::shared_address(tile + 8 * lane), in + 8 * lane, true);
  simt::cp_async_commit();
  simt::cp_async_wait<0>();
  __syncwarp();
  std::uint32_t a[4];
  simt::ldmatrix_x4(a, simt::shared_address(tile + 8 * lane));
  const std::uint32_t b[2] = {a[0], a[1]};
  float d[4] = {};
  simt::mma_m16n8k16(d, a, b, d);
  simt::mma_m16n8k16(d, a, b, d);
  out[lane] = d[0];
}

__global__ void read_kernel(float* out, const float* in, int times) {
  float sum = 0.0f;
  for (int t = 0; t < times; ++t) {
    for (unsigned i = threadIdx.x; i < 16384; i += 512) sum += in[i];
    __syncthreads();
  }
  out[threadIdx.x] = sum;
}

simt::LaunchCost copy(int stride, int count) {
  constexpr unsigned kBlocks = 512, kThreads = 64, kCount = kBlocks * kThreads;
  const auto read = static_cast<std::size_t>(count * stride);
  const DeviceScratch in(kDevice, read * sizeof(float)), out(kDevice, kCount * sizeof(float));
  launch(kDevice, {"copy", dim3(kBlocks), dim3(kThreads)}, copy_kernel, out.as<float>(),
         in.as<float>(), stride, count);
  return the_launch();
}

}  // namespace

simt::LaunchCost copy_strided(int stride) {
  return copy(stride, 32768);
}

simt::LaunchCost copy_repeated() {
  return copy(1, 64);
}

simt::LaunchCost copy_packs(bool packs) {
  const DeviceScratch in(kDevice, 2048), out(kDevice, 2048);
  launch(kDevice, {"copy_packs", dim3(1), dim3(128)}, copy_packs_kernel, out.as<bf16>(),
         in.as<bf16>(), packs);
  return the_launch();
}

simt::LaunchCost transpose(bool padded) {
  const DeviceScratch in(kDevice, 4096), out(kDevice, 4096);
  launch(kDevice, {"transpose", dim3(1), dim3(32, 8)},
         padded ? transpose_kernel<33> : transpose_kernel<32>, out.as<float>(), in.as<float>());
  return the_launch();
}

simt::LaunchCost rounds_that_lanes_skip() {
  const DeviceScratch out(kDevice, 128);
  launch(kDevice, {"rounds", dim3(1), dim3(32)}, rounds_kernel, out.as<float>());
  return the_launch();
}

simt::LaunchCost multiply_fetched() {
  const DeviceScratch in(kDevice, 512), out(kDevice, 128);
  launch(kDevice, {"multiply", dim3(1), dim3(32)}, multiply_kernel, out.as<float>(), in.as<bf16>());
  return the_launch();
}

simt::LaunchCost read_repeatedly(int times) {
  const DeviceScratch in(kDevice, 65536), out(kDevice, 2048);
  launch(kDevice, {"read", dim3(1), dim3(512)}, read_kernel, out.as<float>(), in.as<float>(),
         times);
  return the_launch();
}

}  // namespace seqpe::test
