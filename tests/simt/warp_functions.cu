#include "tests/simt/warp_functions.h"

#include "kernels/device.h"
#include "kernels/simt/ptx.h"

namespace seqpe::test {
namespace {

using simt::kAllLanes;
using simt::launch;

const Context kDevice{Device::cuda, nullptr};

/// Runs fill(device pointer to `count` elements of T, all `before`) and returns what they are then.
template <typename T, typename F>
std::vector<T> filled(std::size_t count, T before, const F& fill) {
  std::vector<T> values(count, before);
  T* device = static_cast<T*>(kernels::allocate_on_device(count * sizeof(T)));
  kernels::copy_to_device(kDevice, device, values.data(), count * sizeof(T));
  fill(device);
  kernels::copy_to_host(kDevice, values.data(), device, count * sizeof(T));
  kernels::free_on_device(device);
  return values;
}

__global__ void shuffle_kernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_xor_sync(kAllLanes, lane, 5);
  out[32 + lane] = __shfl_down_sync(kAllLanes, lane, 3);
  out[64 + lane] = __shfl_up_sync(kAllLanes, lane, 3);
  out[96 + lane] = __shfl_sync(kAllLanes, lane, 2, 16);
}

__global__ void vote_kernel(int* out) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread >= 37) return;
  __syncthreads();
  const unsigned mask = thread < 32 ? kAllLanes : 0x1fu;
  out[thread] = static_cast<int>(__ballot_sync(mask, thread % 2 == 0));
}

__global__ void place_kernel(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned place = block * blockDim.x * blockDim.y * blockDim.z + thread;
  out[place] = static_cast<int>(place);
}

__global__ void count_kernel(int* out) {
  atomicAdd(out, 1);
}

__global__ void count_in_block_kernel(int* out) {
  SEQPE_SHARED(int[1], counter);
  if (threadIdx.x == 0) counter[0] = 0;
  __syncthreads();
  atomicAdd(&counter[0], 1);
  __syncthreads();
  if (threadIdx.x == 0) *out = counter[0];
}

__global__ void fragment_kernel(float* out) {
  SEQPE_SHARED(bf16[16][16], a);
  SEQPE_SHARED(bf16[16][8], b);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 16 * 16; i += 32)
    a[i / 16][i % 16] = simt::from_float<bf16>(static_cast<float>((i / 16 + 2 * (i % 16)) % 7));
  for (int i = lane; i < 16 * 8; i += 32)
    b[i / 8][i % 8] = simt::from_float<bf16>(static_cast<float>((3 * (i / 8) + i % 8) % 5));
  __syncwarp();
  // Matrices of a: rows 0-7 and 8-15 of columns 0-7, then of 8-15; of b: rows 0-7, 8-15 (and
  // again).
  std::uint32_t fragment_a[4], fragment_b[4];
  simt::ldmatrix_x4(fragment_a, simt::shared_address(&a[lane % 16][lane / 16 * 8]));
  simt::ldmatrix_x4_transposed(fragment_b, simt::shared_address(&b[lane % 16][0]));
  const std::uint32_t first_b[2] = {fragment_b[0], fragment_b[1]};
  float d[4] = {};
  simt::mma_m16n8k16(d, fragment_a, first_b, d);
  const int group = lane / 4, place = lane % 4;
  for (int i = 0; i < 4; ++i) out[(group + i / 2 * 8) * 8 + place * 2 + i % 2] = d[i];
}

__global__ void two_lines_kernel(float* out) {
  SEQPE_SHARED(float[64], values);
  values[threadIdx.x] = 1.0f;
  out[threadIdx.x] = values[63 - threadIdx.x];
}

__global__ void empty_kernel() {}

/// N floats of shared memory beside what the launch asks for.
template <int N>
__global__ void static_shared_kernel(float* out) {
  SEQPE_SHARED(float[N], values);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  if (threadIdx.x == 0) *out = values[31];
}

template <int N>
float static_shared_after(std::size_t dynamic_bytes) {
  return filled<float>(1, 0.0f, [=](float* out) {
    launch(kDevice, {"static_shared", dim3(1), dim3(32), dynamic_bytes}, static_shared_kernel<N>,
           out);
  })[0];
}

}  // namespace

std::vector<int> shuffled_lanes() {
  return filled<int>(128, 0, [](int* out) {
    launch(kDevice, {"shuffle", dim3(1), dim3(32)}, shuffle_kernel, out);
  });
}

std::vector<int> votes_of_partial_warps() {
  return filled<int>(40, -1, [](int* out) {
    launch(kDevice, {"vote", dim3(1), dim3(40)}, vote_kernel, out);
  });
}

std::vector<int> places_of_threads() {
  return filled<int>(288, -1, [](int* out) {
    launch(kDevice, {"place", dim3(2, 3, 2), dim3(4, 3, 2)}, place_kernel, out);
  });
}

int counted_threads() {
  return filled<int>(1, 0, [](int* out) {
    launch(kDevice, {"count", dim3(7), dim3(96)}, count_kernel, out);
  })[0];
}

int counted_in_block() {
  return filled<int>(1, 0, [](int* out) {
    launch(kDevice, {"count_in_block", dim3(1), dim3(96)}, count_in_block_kernel, out);
  })[0];
}

std::vector<float> product_of_fragments() {
  return filled<float>(128, -1.0f, [](float* out) {
    launch(kDevice, {"fragment", dim3(1), dim3(32)}, fragment_kernel, out);
  });
}

void race_of_two_lines() {
  filled<float>(64, 0.0f, [](float* out) {
    launch(kDevice, {"two_lines", dim3(1), dim3(64)}, two_lines_kernel, out);
  });
}

void launch_empty(unsigned threads, unsigned blocks_y, std::size_t shared_bytes) {
  launch(kDevice, {"empty", dim3(1, blocks_y), dim3(threads), shared_bytes}, empty_kernel);
}

float shared_after(std::size_t dynamic_bytes) {
  return static_shared_after<32>(dynamic_bytes);
}
float much_shared_after(std::size_t dynamic_bytes) {
  return static_shared_after<4096 + 32>(dynamic_bytes);
}

}  // namespace seqpe::test
