// The forms before the engine's own (kernels/cuda/layer_norm_rows.h) are one kernel with two
// numbers: how many lanes share a row, and how many elements a lane asks for at once.
#include "tests/cuda/lessons/layer_norm_steps.h"

#include "kernels/cuda/packs.h"
#include "kernels/device.h"
#include "kernels/simt/simt.h"

namespace seqpe::lessons {
namespace {

using kernels::LayerNormForwardArgs;
using kernels::cuda::load_floats;
using kernels::cuda::store_floats;

constexpr int kThreads = 128;

struct Rows {
  bf16* out;                      // [rows, cols]
  float *mean, *rstd;             // [rows]
  const bf16 *x, *weight, *bias;  // [rows, cols], [cols], [cols]
  int rows, cols;
  float eps;
};

/// The sum over the kLanes neighbouring lanes that share a row; each gets it.
template <int kLanes>
__device__ __forceinline__ float sum_over_lanes(float value) {
  for (int distance = kLanes / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(simt::kAllLanes, value, distance);
  return value;
}

/// kLanes threads take a row, kSize neighbouring elements at a time, and read it three times.
template <int kLanes, int kSize>
__global__ void __launch_bounds__(kThreads) layer_norm_read_thrice_kernel(Rows a) {
  const int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int row = thread / kLanes, first = thread % kLanes * kSize;
  if (row >= a.rows) return;
  const bf16* x = a.x + static_cast<std::int64_t>(row) * a.cols;
  bf16* out = a.out + static_cast<std::int64_t>(row) * a.cols;
  float values[kSize], sum = 0.0f, squares = 0.0f;
  for (int c = first; c < a.cols; c += kLanes * kSize) {
    load_floats(values, x + c);
    for (int i = 0; i < kSize; ++i) sum += values[i];
  }
  const float mean = sum_over_lanes<kLanes>(sum) / static_cast<float>(a.cols);
  for (int c = first; c < a.cols; c += kLanes * kSize) {
    load_floats(values, x + c);
    for (int i = 0; i < kSize; ++i) squares += (values[i] - mean) * (values[i] - mean);
  }
  const float variance = sum_over_lanes<kLanes>(squares) / static_cast<float>(a.cols);
  const float rstd = rsqrtf(variance + a.eps);
  for (int c = first; c < a.cols; c += kLanes * kSize) {
    float weight[kSize], bias[kSize];
    load_floats(values, x + c);
    load_floats(weight, a.weight + c);
    load_floats(bias, a.bias + c);
    for (int i = 0; i < kSize; ++i) values[i] = (values[i] - mean) * rstd * weight[i] + bias[i];
    store_floats(out + c, values);
  }
  if (first == 0) {
    a.mean[row] = mean;
    a.rstd[row] = rstd;
  }
}

template <int kLanes, int kSize>
void read_thrice(const LayerNormForwardArgs& args) {
  const Rows rows{static_cast<bf16*>(args.out),          static_cast<float*>(args.mean),
                  static_cast<float*>(args.rstd),        static_cast<const bf16*>(args.x),
                  static_cast<const bf16*>(args.weight), static_cast<const bf16*>(args.bias),
                  static_cast<int>(args.rows),           static_cast<int>(args.cols),
                  static_cast<float>(args.eps)};
  const auto blocks = static_cast<unsigned>((args.rows * kLanes + kThreads - 1) / kThreads);
  simt::launch(kernels::device_context(), {"layer_norm_read_thrice", dim3(blocks), dim3(kThreads)},
               layer_norm_read_thrice_kernel<kLanes, kSize>, rows);
}

void engine(const LayerNormForwardArgs& args) {
  kernels::layer_norm_forward(kernels::device_context(), args);
}

}  // namespace

std::vector<LayerNormStep> layer_norm_steps() {
  return {{"a thread a row", read_thrice<1, 1>},
          {"a warp a row", read_thrice<32, 1>},
          {"16 bytes at once", read_thrice<32, 8>},
          {"the row in registers (the engine's)", engine}};
}

}  // namespace seqpe::lessons
