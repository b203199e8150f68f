// One pass over value, gradient and both moments, float32: a thread takes 4 neighbouring elements
// at a time, in steps of the grid; the last count % 4 elements are one thread's each.
#include "kernels/adamw.h"

#include "kernels/cuda/elementwise_map.h"

namespace seqpe::kernels::cuda {
namespace {

struct AdamwStep {
  float beta1, beta2, rest1, rest2, eps;
  double weight_decay;
  float keep, step_size, root_correction;  // of the rates

  __device__ __forceinline__ void read(const double* rates) {
    keep = static_cast<float>(1.0 - rates[0] * weight_decay);
    step_size = static_cast<float>(rates[1]);
    root_correction = static_cast<float>(rates[2]);
  }

  template <int N>
  __device__ __forceinline__ void apply(float* value, const float* gradient, float* m, float* v,
                                        bf16* rounded, float scale) const {
    float g[N], values[N], first[N], second[N];
    load_floats(g, gradient);
    load_floats(values, value);
    load_floats(first, m);
    load_floats(second, v);
#pragma unroll
    for (int n = 0; n < N; ++n) {
      g[n] *= scale;
      first[n] = beta1 * first[n] + rest1 * g[n];
      second[n] = beta2 * second[n] + rest2 * g[n] * g[n];
      values[n] =
          values[n] * keep - step_size * first[n] / (sqrtf(second[n]) * root_correction + eps);
    }
    store_floats(value, values);
    store_floats(m, first);
    store_floats(v, second);
    if (rounded != nullptr) store_floats(rounded, values);
  }
};

template <int N>
__global__ void __launch_bounds__(kMapThreads)
    adamw_pack_per_thread_kernel(float* __restrict__ value, const float* __restrict__ gradient,
                                 float* __restrict__ m, float* __restrict__ v,
                                 bf16* __restrict__ rounded, std::int64_t count, AdamwStep step,
                                 const double* __restrict__ rates,
                                 const double* __restrict__ grad_scale) {
  const float scale = grad_scale != nullptr ? static_cast<float>(*grad_scale) : 1.0f;
  if (std::isnan(scale)) return;
  step.read(rates);
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x, packs = count / N;
  for (std::int64_t pack = thread; pack < packs; pack += threads)
    step.apply<N>(value + pack * N, gradient + pack * N, m + pack * N, v + pack * N,
                  rounded == nullptr ? nullptr : rounded + pack * N, scale);
  const std::int64_t rest = packs * N + thread;
  if (thread < N && rest < count)
    step.apply<1>(value + rest, gradient + rest, m + rest, v + rest,
                  rounded == nullptr ? nullptr : rounded + rest, scale);
}

}  // namespace

void adamw(const Context& context, const AdamwArgs& args) {
  if (args.dtype != DType::f32) throw_wrong_dtype("adamw", "f32 on a cuda device", args.dtype);
  if (args.count == 0) return;
  const auto narrow = [](double value) { return static_cast<float>(value); };
  AdamwStep step{};
  step.beta1 = narrow(args.beta1);
  step.beta2 = narrow(args.beta2);
  step.rest1 = narrow(1.0 - args.beta1);
  step.rest2 = narrow(1.0 - args.beta2);
  step.eps = narrow(args.eps);
  step.weight_decay = args.weight_decay;
  const auto run = [&](auto kernel, int size) {
    simt::launch(context,
                 {"adamw", dim3(blocks_for((args.count + size - 1) / size)), dim3(kMapThreads)},
                 kernel, static_cast<float*>(args.value), static_cast<const float*>(args.gradient),
                 static_cast<float*>(args.m), static_cast<float*>(args.v), args.rounded, args.count,
                 step, args.rates, args.grad_scale);
  };
  if (aligned_for_packs(args.value, args.gradient, args.m, args.v, args.rounded))
    return run(adamw_pack_per_thread_kernel<4>, 4);
  run(adamw_pack_per_thread_kernel<1>, 1);
}

}  // namespace seqpe::kernels::cuda
