// Rows from memory, their gradient to memory; formulas, plans and sums are those of
// layer_norm_rows.h. Saved for backward: mean and rstd, f32 a row.
#include "kernels/layer_norm.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/layer_norm_rows.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

template <typename T>
struct StoredRows {
  const T* x;

  template <int N>
  __device__ __forceinline__ simt::Pack<T, N> take(std::int64_t element) const {
    return simt::load_pack<N>(x + element);
  }
  __device__ __forceinline__ T again(std::int64_t element) const { return x[element]; }
};

template <typename T>
struct StoredGradient {
  T* grad_x;
  Write write_x;

  __device__ __forceinline__ bool wanted() const { return grad_x != nullptr; }
  template <int N>
  __device__ __forceinline__ void write(std::int64_t element, const float (&gradient)[N]) const {
    write_floats(grad_x + element, gradient, write_x);
  }
};

}  // namespace

void layer_norm_forward(const Context& context, const LayerNormForwardArgs& args) {
  if (args.rows == 0) return;
  dispatch("layer_norm", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    layer_norm_rows_forward<T>(context, "layer_norm_forward", args,
                               StoredRows<T>{static_cast<const T*>(args.x)},
                               aligned_for_packs(args.x));
  });
}

void layer_norm_backward(const Context& context, const LayerNormBackwardArgs& args) {
  if (args.cols == 0) return;
  dispatch("layer_norm", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    layer_norm_rows_backward<T>(context, "layer_norm_backward", args, args.x,
                                StoredGradient<T>{static_cast<T*>(args.grad_x), args.write_x},
                                aligned_for_packs(args.grad_x));
  });
}

}  // namespace seqpe::kernels::cuda
