#include "tests/simt/faulty_kernels.h"

#include <vector>

#include "kernels/device.h"
#include "kernels/simt/ptx.h"

namespace seqpe::test {
namespace {

using simt::kAllLanes;
using simt::launch;

const Context kDevice{Device::cuda, nullptr};

/// Floats on the device.
class Floats {
 public:
  /// The last `unwritten` values stay as they come.
  explicit Floats(const std::vector<float>& values, std::size_t unwritten = 0)
      : count_(values.size()), data_(static_cast<float*>(kernels::allocate_on_device(bytes()))) {
    kernels::copy_to_device(kDevice, data_, values.data(), bytes() - unwritten * sizeof(float));
  }
  ~Floats() { kernels::free_on_device(data_); }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;

  float* data() const { return data_; }
  std::vector<float> read() const {
    std::vector<float> values(count_);
    kernels::copy_to_host(kDevice, values.data(), data_, bytes());
    return values;
  }

 private:
  std::size_t bytes() const { return count_ * sizeof(float); }
  std::size_t count_;
  float* data_;
};

__global__ void sum_over_block_kernel(float* out, int beyond, Fault fault) {
  SEQPE_SHARED(float[8], sums);
  SEQPE_SHARED(float[8], neighbour);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  float total = 0.0f;
  for (int round = 0; round < 2; ++round) {
    float value = static_cast<float>(thread + round);
    for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
    if (fault != Fault::no_barrier_before_reuse) __syncthreads();
    if (lane == 0 && !(fault == Fault::unwritten_shared && warp == 3)) sums[warp + beyond] = value;
    if (fault == Fault::different_barriers && warp < 4) {
      total += 0.0f;
      __syncthreads();
    } else if (fault != Fault::no_barrier_after_write) {
      __syncthreads();
    }
    for (int w = 0; w < 8; ++w) total += sums[w];
  }
  if (thread == 0) {
    neighbour[0] = 0.0f;
    *out = total;
  }
}

/// More than a fiber's stack.
__device__ float sum_of_large_array(int count) {
  volatile float values[1 << 17];
  float sum = 0.0f;
  for (int i = 0; i < count; ++i) values[i] = 0.0f;
  for (int i = 0; i < count; ++i) sum += values[i];
  return sum;
}

__global__ void copy_kernel(float* out, const float* from, int count, Fault fault) {
  const int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (fault == Fault::division_by_zero) {
    out[count / thread % count] = from[thread % count];
  } else if (fault == Fault::stack_overflow) {
    out[thread % count] = sum_of_large_array(count);
  } else if (fault == Fault::global_far_out_of_bounds) {
    out[thread + (1LL << 36)] = 1.0f;
  } else if (fault == Fault::blocks_race) {
    if (thread < count) out[thread % 256] = from[thread];
  } else if (fault == Fault::misaligned_pack) {
    if (thread < count / 8)
      simt::store_pack(out + 4 * thread, simt::load_pack<4>(from + 4 * thread + 1));
  } else if (thread < count + (fault == Fault::global_out_of_bounds ? 1 : 0)) {
    out[thread] = from[thread];
  }
}

/// A tile of 128 x 4 floats at a time into one of two buffers, while the other one is added up;
/// each thread reads what its neighbour fetched.
__global__ void sum_of_tiles_kernel(float* out, const float* from, Fault fault) {
  SEQPE_SHARED_DYNAMIC(bytes);
  const int thread = static_cast<int>(threadIdx.x);
  const auto fetch = [&](int tile) {
    const std::uint32_t to =
        simt::shared_address(bytes) + static_cast<std::uint32_t>((tile % 2 * 128 + thread) * 16);
    simt::cp_async_16(to, from + (tile * 128 + thread) * 4, true);
    simt::cp_async_commit();
  };
  float sum = 0.0f;
  fetch(0);
  for (int tile = 0; tile < 4; ++tile) {
    if (tile < 3) fetch(tile + 1);
    if (fault != Fault::no_wait_for_copy) {
      if (tile < 3) {
        simt::cp_async_wait<1>();
      } else {
        simt::cp_async_wait<0>();
      }
    }
    __syncthreads();
    const float* neighbour =
        reinterpret_cast<const float*>(bytes) + (tile % 2 * 128 + (thread + 1) % 128) * 4;
    for (int i = 0; i < 4; ++i) sum += neighbour[i];
    if (fault != Fault::tile_overwritten_while_read) __syncthreads();
  }
  if (fault == Fault::copy_never_waited_for) fetch(0);
  if (fault == Fault::no_wait_for_copy) simt::cp_async_wait<0>();
  out[thread] = sum;
}

__global__ void reverse_lanes_kernel(float* out, Fault fault) {
  SEQPE_SHARED(float[64], values);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  if (fault == Fault::mask_with_ended_lanes && lane >= 16) return;
  values[thread] = static_cast<float>(lane);
  if (fault != Fault::no_syncwarp)
    __syncwarp(fault == Fault::mask_with_ended_lanes ? 0x0000ffffu : kAllLanes);
  float value = fault == Fault::mask_with_ended_lanes ? 31.0f : values[thread - lane + 31 - lane];
  if (fault == Fault::barrier_in_a_branch) {
    if (lane < 16) {
      value = __shfl_sync(kAllLanes, value, 0);
    } else {
      __syncthreads();
    }
  } else if (fault == Fault::mask_without_caller) {
    value = __shfl_sync(lane < 16 ? 0x0000ffffu : 0x000000ffu, value, 0);
  } else if (fault == Fault::mask_with_ended_lanes) {
    value = __shfl_sync(kAllLanes, value, 0);
  } else if (fault == Fault::shuffle_from_outside_the_mask && lane < 16) {
    value = __shfl_sync(0x0000ffffu, value, 20);
  }
  out[blockIdx.x * blockDim.x + threadIdx.x] = value;
}

__global__ void multiply_ones_kernel(float* out, Fault fault) {
  const std::uint32_t ones = simt::pack_bf16x2(1.0f, 1.0f);
  const std::uint32_t a[4] = {ones, ones, ones, ones}, b[2] = {ones, ones};
  float d[4] = {};
  if (fault == Fault::mma_with_part_of_the_warp && threadIdx.x == 31) return;
  simt::mma_m16n8k16(d, a, b, d);
  if (threadIdx.x == 0) *out = d[0];
}

__global__ void wait_kernel(float* out) {
  if (threadIdx.x == 0) {
    while (*static_cast<volatile float*>(out) == 0.0f) {
    }
  } else {
    *out = 1.0f;
  }
}

__global__ void deadlock_kernel(float* out, std::uint32_t with_ended_half) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  if (lane >= 16) {
    if ((with_ended_half >> warp & 1) != 0) return;
    __syncthreads();
  }
  out[threadIdx.x] = __shfl_sync(kAllLanes, 1.0f, 0);
}

float total(const std::vector<float>& values) {
  float sum = 0.0f;
  for (const float value : values) sum += value;
  return sum;
}

}  // namespace

float sum_over_block(Fault fault) {
  const Floats out({0.0f});
  launch(kDevice, {"sum_over_block", dim3(1), dim3(256)}, sum_over_block_kernel, out.data(),
         fault == Fault::shared_out_of_bounds ? 1 : 0, fault);
  return out.read()[0];
}

float copy_between_blocks(Fault fault) {
  constexpr int kCount = 1024;
  const std::vector<float> ones(kCount, 1.0f);
  const Floats from(ones, fault == Fault::unwritten_global ? 1 : 0),
      out(std::vector<float>(kCount, 0.0f));
  launch(kDevice, {"copy", dim3(5), dim3(256)}, copy_kernel, out.data(),
         fault == Fault::host_pointer ? ones.data() : from.data(), kCount, fault);
  return total(out.read());
}

float sum_of_tiles(Fault fault) {
  std::vector<float> values;
  for (int tile = 1; tile <= 4; ++tile) values.insert(values.end(), 512, static_cast<float>(tile));
  const Floats from(values), out(std::vector<float>(128, 0.0f));
  launch(kDevice, {"sum_of_tiles", dim3(1), dim3(128), 2 * 128 * 16}, sum_of_tiles_kernel,
         out.data(), from.data(), fault);
  return total(out.read());
}

float reverse_lanes(Fault fault, unsigned blocks) {
  const Floats out(std::vector<float>(64 * blocks, 0.0f));
  launch(kDevice, {"reverse_lanes", dim3(blocks), dim3(64)}, reverse_lanes_kernel, out.data(),
         fault);
  return out.read()[0];
}

float multiply_ones(Fault fault) {
  const Floats out({0.0f});
  launch(kDevice, {"multiply_ones", dim3(1), dim3(32)}, multiply_ones_kernel, out.data(), fault);
  return out.read()[0];
}

void wait_for_another_thread() {
  const Floats out({0.0f});
  launch(kDevice, {"wait", dim3(1), dim3(2)}, wait_kernel, out.data());
}

void deadlock_of_warps(std::uint32_t with_ended_half) {
  const Floats out(std::vector<float>(256, 0.0f));
  launch(kDevice, {"deadlock", dim3(1), dim3(256)}, deadlock_kernel, out.data(), with_ended_half);
}

}  // namespace seqpe::test
