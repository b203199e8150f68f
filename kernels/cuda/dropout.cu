// residual + keep x / (1 - p), a map (elementwise_map.h); the mask is drawn anew by each direction
// (dropout_mask.h).
#include "kernels/dropout.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/dropout_mask.h"
#include "kernels/cuda/elementwise_map.h"

namespace seqpe::kernels::cuda {
namespace {

template <typename T>
struct Dropped {
  const T *x, *residual;
  DropoutMask mask;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    float factors[N], others[N] = {};
    mask.draw(factors, i);
    load_floats(values, x + i);
    if (residual != nullptr) load_floats(others, residual + i);
#pragma unroll
    for (int n = 0; n < N; ++n) {
      // A dropped element is 0 even where x is not a number.
      const float kept = factors[n] == 0.0f ? 0.0f : values[n] * factors[n];
      values[n] = residual != nullptr ? others[n] + kept : kept;
    }
  }
};

}  // namespace

void dropout(const Context& context, const DropoutArgs& args) {
  dispatch("dropout", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const DropoutMask mask(args.draw);
    const bool packs =
        mask.allows_packs(simt::kPackSize<T>) && aligned_for_packs(args.out, args.x, args.residual);
    launch_map(
        context, "dropout", static_cast<T*>(args.out), args.count, args.write, packs,
        Dropped<T>{static_cast<const T*>(args.x), static_cast<const T*>(args.residual), mask});
  });
}

}  // namespace seqpe::kernels::cuda
