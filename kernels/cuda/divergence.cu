// Forward: a mean (sum_to_scalar.h) of terms computed in float32. Backward: each gradient that is
// wanted is a map (elementwise_map.h).
#include "kernels/divergence.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise_map.h"
#include "kernels/cuda/sum_to_scalar.h"

namespace seqpe::kernels::cuda {
namespace {

/// exp(t) (t - s), or (t - s)^2
template <typename T>
struct Term {
  const T *target, *student;
  bool kl;
  template <int N>
  __device__ __forceinline__ double at(std::int64_t i) const {
    float t[N], s[N];
    load_floats(t, target + i);
    load_floats(s, student + i);
    double total = 0.0;
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const float difference = t[n] - s[n];
      total += static_cast<double>(kl ? expf(t[n]) * difference : difference * difference);
    }
    return total;
  }
};

/// scale grad_out times the derivative by target, or by student
template <typename T>
struct TermGradient {
  const T *target, *student;
  bool kl, of_target;
  float scale;
  const double* grad_out;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    float t[N], s[N];
    load_floats(t, target + i);
    load_floats(s, student + i);
    const float factor = scale * static_cast<float>(*grad_out);
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const float difference = t[n] - s[n], p = kl ? expf(t[n]) : 0.0f;
      const float by_target = kl ? p * (difference + 1.0f) : 2.0f * difference;
      const float by_student = kl ? -p : -2.0f * difference;
      values[n] = factor * (of_target ? by_target : by_student);
    }
  }
};

}  // namespace

void divergence_forward(const Context& context, const DivergenceForwardArgs& args) {
  dispatch("divergence", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Term<T> term{static_cast<const T*>(args.target), static_cast<const T*>(args.student),
                       args.kind == DivergenceKind::kl_div};
    const double scale = args.count == 0 ? 0.0 : 1.0 / static_cast<double>(args.count);
    if (aligned_for_packs(args.target, args.student))
      return launch_sum<simt::kPackSize<T>>(context, "divergence_forward", args.out, args.count,
                                            scale, term);
    launch_sum<1>(context, "divergence_forward", args.out, args.count, scale, term);
  });
}

void divergence_backward(const Context& context, const DivergenceBackwardArgs& args) {
  dispatch("divergence", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    TermGradient<T> gradient{static_cast<const T*>(args.target),
                             static_cast<const T*>(args.student),
                             args.kind == DivergenceKind::kl_div,
                             true,
                             static_cast<float>(1.0 / static_cast<double>(args.count)),
                             args.grad_out};
    const auto run = [&](void* out, Write write, bool of_target) {
      if (out == nullptr) return;
      gradient.of_target = of_target;
      launch_map(context, "divergence_backward", static_cast<T*>(out), args.count, write,
                 aligned_for_packs(out, args.target, args.student), gradient);
    };
    run(args.grad_target, args.write_target, true);
    run(args.grad_student, args.write_student, false);
  });
}

}  // namespace seqpe::kernels::cuda
