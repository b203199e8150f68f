// Maps (elementwise_map.h): forward over the sines and cosines, backward over the angles. f32
// inside.
#include "kernels/sine_cosine.h"

#include <cmath>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise_map.h"

namespace seqpe::kernels::cuda {
namespace {

/// Element i of [rows, 2 cols]; N neighbours where N divides cols.
template <typename T>
struct SineOrCosine {
  const T* angles;
  std::int64_t cols;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    const std::int64_t half = i / cols, row = half / 2;
    load_floats(values, angles + row * cols + (i - half * cols));
    const bool sine = half % 2 == 0;
#pragma unroll
    for (int n = 0; n < N; ++n) values[n] = sine ? sinf(values[n]) : cosf(values[n]);
  }
};

template <typename T>
struct AngleGradient {
  const T *grad_out, *out;
  std::int64_t cols;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    const std::int64_t sine = i + i / cols * cols, cosine = sine + cols;
    float sines[N], cosines[N], grad_cosines[N];
    load_floats(values, grad_out + sine);
    load_floats(grad_cosines, grad_out + cosine);
    load_floats(sines, out + sine);
    load_floats(cosines, out + cosine);
#pragma unroll
    for (int n = 0; n < N; ++n) values[n] = values[n] * cosines[n] - grad_cosines[n] * sines[n];
  }
};

}  // namespace

void sine_cosine_forward(const Context& context, const SineCosineForwardArgs& args) {
  dispatch("sine_cosine", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool packs =
        args.cols % simt::kPackSize<T> == 0 && aligned_for_packs(args.out, args.angles);
    launch_map(context, "sine_cosine_forward", static_cast<T*>(args.out), args.rows * 2 * args.cols,
               Write::overwrite, packs,
               SineOrCosine<T>{static_cast<const T*>(args.angles), args.cols});
  });
}

void sine_cosine_backward(const Context& context, const SineCosineBackwardArgs& args) {
  dispatch("sine_cosine", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool packs = args.cols % simt::kPackSize<T> == 0 &&
                       aligned_for_packs(args.grad_angles, args.grad_out, args.out);
    launch_map(context, "sine_cosine_backward", static_cast<T*>(args.grad_angles),
               args.rows * args.cols, args.write, packs,
               AngleGradient<T>{static_cast<const T*>(args.grad_out),
                                static_cast<const T*>(args.out), args.cols});
  });
}

}  // namespace seqpe::kernels::cuda
