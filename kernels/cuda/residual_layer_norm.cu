// sum = residual + dropout(branch), out = layer_norm(sum): the row is summed, rounded, stored and
// normalised without leaving the registers. Plans and accumulation (f32) are those of
// layer_norm_rows.h; masks are drawn again in backward. Saved for backward: sum, mean and rstd.
#include "kernels/residual_layer_norm.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/dropout_mask.h"
#include "kernels/cuda/layer_norm_rows.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

/// sum (=) residual + branch * mask
template <typename T>
struct SummedRows {
  T* sum;
  const T *residual, *branch;
  DropoutMask mask;

  template <int N>
  __device__ __forceinline__ simt::Pack<T, N> take(std::int64_t element) const {
    float r[N], b[N], factors[N];
    load_floats(r, residual + element);
    load_floats(b, branch + element);
    mask.draw(factors, element);
    simt::Pack<T, N> rounded;
#pragma unroll
    for (int i = 0; i < N; ++i) rounded.values[i] = simt::from_float<T>(r[i] + b[i] * factors[i]);
    simt::store_pack(sum + element, rounded);
    return rounded;
  }
  __device__ __forceinline__ T again(std::int64_t element) const {
    return sum[element];
  }
};

/// grad_residual (=|+=) total = grad_sum + gradient; grad_branch (=|+=) total * mask
template <typename T>
struct BranchedGradient {
  T *grad_residual, *grad_branch;
  Write write_residual, write_branch;
  const T* grad_sum;
  DropoutMask mask;

  __device__ __forceinline__ bool wanted() const {
    return grad_residual != nullptr || grad_branch != nullptr;
  }
  template <int N>
  __device__ __forceinline__ void write(std::int64_t element, const float (&gradient)[N]) const {
    float total[N] = {};
    if (grad_sum != nullptr) load_floats(total, grad_sum + element);
#pragma unroll
    for (int i = 0; i < N; ++i) total[i] += gradient[i];
    if (grad_residual != nullptr) write_floats(grad_residual + element, total, write_residual);
    if (grad_branch == nullptr) return;
    float factors[N];
    mask.draw(factors, element);
#pragma unroll
    for (int i = 0; i < N; ++i) total[i] *= factors[i];
    write_floats(grad_branch + element, total, write_branch);
  }
};

}  // namespace

void residual_layer_norm_forward(const Context& context, const ResidualLayerNormForwardArgs& args) {
  if (args.rows == 0) return;
  const DropoutMask mask(args.dropout);
  dispatch("residual_layer_norm", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    layer_norm_rows_forward<T>(
        context, "residual_layer_norm_forward", args,
        SummedRows<T>{static_cast<T*>(args.sum), static_cast<const T*>(args.residual),
                      static_cast<const T*>(args.branch), mask},
        mask.allows_packs(simt::kPackSize<T>) &&
            aligned_for_packs(args.sum, args.residual, args.branch));
  });
}

void residual_layer_norm_backward(const Context& context,
                                  const ResidualLayerNormBackwardArgs& args) {
  if (args.cols == 0) return;
  const DropoutMask mask(args.dropout);
  dispatch("residual_layer_norm", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    layer_norm_rows_backward<T>(
        context, "residual_layer_norm_backward", args, args.sum,
        BranchedGradient<T>{static_cast<T*>(args.grad_residual), static_cast<T*>(args.grad_branch),
                            args.write_residual, args.write_branch,
                            static_cast<const T*>(args.grad_sum), mask},
        mask.allows_packs(simt::kPackSize<T>) &&
            aligned_for_packs(args.grad_residual, args.grad_branch, args.grad_sum));
  });
}

}  // namespace seqpe::kernels::cuda
