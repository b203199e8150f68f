#include "kernels/adamw.h"

#include <cmath>

#include "kernels/common/parallel.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename T>
void update(const AdamwArgs& args) {
  T *value = static_cast<T*>(args.value), *m = static_cast<T*>(args.m),
    *v = static_cast<T*>(args.v);
  const T* gradient = static_cast<const T*>(args.gradient);
  const double grad_scale = args.grad_scale != nullptr ? *args.grad_scale : 1.0;
  if (std::isnan(grad_scale)) return;
  const double* rates = args.rates;
  const T keep = static_cast<T>(1.0 - rates[0] * args.weight_decay);
  const T beta1 = static_cast<T>(args.beta1), beta2 = static_cast<T>(args.beta2);
  const T rest1 = static_cast<T>(1.0 - args.beta1), rest2 = static_cast<T>(1.0 - args.beta2);
  const T step_size = static_cast<T>(rates[1]), root_correction = static_cast<T>(rates[2]);
  const T eps = static_cast<T>(args.eps), scale = static_cast<T>(grad_scale);
  parallel_chunks(args.count, 16384, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) {
      const T g = gradient[i] * scale;
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      value[i] = value[i] * keep - step_size * m[i] / (std::sqrt(v[i]) * root_correction + eps);
    }
    if (args.rounded == nullptr) return;
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i)
      store(args.rounded + i, static_cast<float>(value[i]));
  });
}

}  // namespace

void adamw(const AdamwArgs& args) {
  if (args.dtype == DType::f32) return update<float>(args);
  if (args.dtype == DType::f64) return update<double>(args);
  throw_wrong_dtype("adamw", "f32 or f64", args.dtype);
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
