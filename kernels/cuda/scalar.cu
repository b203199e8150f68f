// One thread each: a number is no work, but the host would have to wait for it.
#include "kernels/common/scalar_arithmetic.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

__global__ void __launch_bounds__(1) weighted_sum_kernel(WeightedSumArgs args) {
  write_weighted_sum(args);
}

__global__ void __launch_bounds__(1) clip_factors_kernel(ClipFactorsArgs args) {
  write_clip_factors(args);
}

}  // namespace

void weighted_sum(const Context& context, const WeightedSumArgs& args) {
  simt::launch(context, {"weighted_sum", dim3(1), dim3(1)}, weighted_sum_kernel, args);
}

void clip_factors(const Context& context, const ClipFactorsArgs& args) {
  simt::launch(context, {"clip_factors", dim3(1), dim3(1)}, clip_factors_kernel, args);
}

}  // namespace seqpe::kernels::cuda
