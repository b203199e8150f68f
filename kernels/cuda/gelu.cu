// GELU and its derivative, each a map (elementwise_map.h). Float32 whatever the dtype; tanhf and
// erff are the device library's, good to 2 units in the last place.
#include "kernels/gelu.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise_map.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr float kRoot = 0.7978845608028654f;  // sqrt(2 / pi)
constexpr float kCubic = 0.044715f;

/// 0.5 x (1 + tanh(kRoot (x + kCubic x^3))), or 0.5 x (1 + erf(x / sqrt 2))
__device__ __forceinline__ float gelu(GeluForm form, float x) {
  if (form == GeluForm::tanh) return 0.5f * x * (1.0f + tanhf(kRoot * (x + kCubic * x * x * x)));
  return 0.5f * x * (1.0f + erff(0.7071067811865476f * x));
}

__device__ __forceinline__ float gelu_derivative(GeluForm form, float x) {
  if (form == GeluForm::tanh) {
    const float t = tanhf(kRoot * (x + kCubic * x * x * x));
    return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * kRoot * (1.0f + 3.0f * kCubic * x * x);
  }
  const float density = 0.3989422804014327f * expf(-0.5f * x * x);
  return 0.5f * (1.0f + erff(0.7071067811865476f * x)) + x * density;
}

template <typename T>
struct Gelu {
  const T* x;
  GeluForm form;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    load_floats(values, x + i);
#pragma unroll
    for (int n = 0; n < N; ++n) values[n] = gelu(form, values[n]);
  }
};

/// grad_out gelu'(x)
template <typename T>
struct GeluGradient {
  const T *grad_out, *x;
  GeluForm form;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    float gradients[N];
    load_floats(values, x + i);
    load_floats(gradients, grad_out + i);
#pragma unroll
    for (int n = 0; n < N; ++n) values[n] = gradients[n] * gelu_derivative(form, values[n]);
  }
};

}  // namespace

void gelu_forward(const Context& context, const GeluForwardArgs& args) {
  dispatch("gelu", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_map(context, "gelu_forward", static_cast<T*>(args.out), args.count, Write::overwrite,
               aligned_for_packs(args.out, args.x),
               Gelu<T>{static_cast<const T*>(args.x), args.form});
  });
}

void gelu_backward(const Context& context, const GeluBackwardArgs& args) {
  dispatch("gelu", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_map(context, "gelu_backward", static_cast<T*>(args.grad_x), args.count, args.write,
               aligned_for_packs(args.grad_x, args.grad_out, args.x),
               GeluGradient<T>{static_cast<const T*>(args.grad_out), static_cast<const T*>(args.x),
                               args.form});
  });
}

}  // namespace seqpe::kernels::cuda
