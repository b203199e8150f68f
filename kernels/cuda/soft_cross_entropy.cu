// loss = sum of t[c] * (lse - x[c]); grad = grad_scale * (e^(x - max) / sum * sum(t) - t)
// A block takes a row, of as many classes as an image may have: few beside a vocabulary. A thread
// takes N neighbouring ones at a time, in turn with its neighbours, once for maximum, sum of
// exponentials and sum of targets, and again, from the cache, for loss and gradient. N is 4, which
// make 16 bytes of targets, or 1. f32 throughout; nothing is saved.
#include "kernels/soft_cross_entropy.h"

#include <cmath>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/exponential.h"
#include "kernels/cuda/online_softmax.h"
#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr int kMostThreads = 256;

template <int N, typename T>
__global__ void __launch_bounds__(kMostThreads)
    soft_cross_entropy_block_per_row_kernel(float* __restrict__ losses, T* __restrict__ grad_logits,
                                            const T* __restrict__ logits,
                                            const float* __restrict__ targets, std::int64_t cols,
                                            float grad_scale) {
  SEQPE_SHARED(float[kMostWarps], scratch);
  const std::int64_t row = blockIdx.x;
  const T* x = logits + row * cols;
  const float* t = targets + row * cols;
  OnlineSoftmax part;
  float weight = 0.0f;
  const std::int64_t packs = cols / N;
  for (std::int64_t pack = threadIdx.x; pack < packs; pack += blockDim.x) {
    float values[N], shares[N];
    load_floats(values, x + pack * N);
    load_floats(shares, t + pack * N);
    part.add(values);
#pragma unroll
    for (int i = 0; i < N; ++i) weight += shares[i];
  }
  const OnlineSoftmax all = over_block(part, scratch);
  weight = block_sum(weight, scratch);
  const float lse = all.maximum + logf(all.sum), factor = weight / all.sum;
  float loss = 0.0f;
  for (std::int64_t pack = threadIdx.x; pack < packs; pack += blockDim.x) {
    float values[N], shares[N];
    load_floats(values, x + pack * N);
    load_floats(shares, t + pack * N);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      loss += shares[i] * (lse - values[i]);
      const float probability = exponential(values[i] - all.maximum) * factor;
      values[i] = grad_scale * (probability - shares[i]);
    }
    if (grad_logits != nullptr) store_floats(grad_logits + row * cols + pack * N, values);
  }
  loss = block_sum(loss, scratch);
  if (threadIdx.x == 0) losses[row] = loss;
}

}  // namespace

void soft_cross_entropy(const Context& context, const SoftCrossEntropyArgs& args) {
  if (args.rows == 0) return;
  dispatch("soft_cross_entropy", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto run = [&](auto kernel, int size) {
      const std::int64_t wanted = (args.cols / size + 31) / 32 * 32;
      const unsigned threads =
          wanted < kMostThreads ? static_cast<unsigned>(wanted) : unsigned{kMostThreads};
      simt::launch(context,
                   {"soft_cross_entropy", dim3(static_cast<unsigned>(args.rows)), dim3(threads)},
                   kernel, static_cast<float*>(args.losses), static_cast<T*>(args.grad_logits),
                   static_cast<const T*>(args.logits), args.targets, args.cols, args.grad_scale);
    };
    constexpr int kPack = simt::kPackSize<float>;
    if (args.cols % kPack == 0 && aligned_for_packs(args.logits, args.targets, args.grad_logits)) {
      run(soft_cross_entropy_block_per_row_kernel<kPack, T>, kPack);
    } else {
      run(soft_cross_entropy_block_per_row_kernel<1, T>, 1);
    }
  });
}

}  // namespace seqpe::kernels::cuda
