// loss = (1 - e) * (lse - x[label]) + e * (lse - mean(x)),  lse = max + log(sum(e^(x - max)))
// grad = grad_scale * (e^(x - max) / sum - e / cols - (1 - e) [c = label])
// A block takes a row. It reads the logits once for the maximum, the sum of exponentials (online)
// and the sum, and once more, from the cache, where the gradient is wanted. A thread overwrites
// (=) only what it has read itself, so the gradient may lie in place of the logits. Packs of 16
// bytes from the first whole one of a row on, its ends element by element. f32 throughout;
// nothing is saved: the gradient is known in forward.
#include "kernels/cross_entropy.h"

#include <type_traits>

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/exponential.h"
#include "kernels/cuda/online_softmax.h"
#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

// Two such blocks fill a multiprocessor. Smaller ones would be more rows at a time than the L2
// cache holds between the two readings: by the cost model 53 MB of bf16 for GPT-2's vocabulary on
// an H100.
constexpr int kMostThreads = 1024;

/// Calls body(c, std::integral_constant<int, N>) for the packs, N = kSize, and single elements, N =
/// 1, of the row that this thread owns. A row of an odd vocabulary begins anywhere: `head` elements
/// go before its first whole pack.
template <int kSize, typename Body>
__device__ __forceinline__ void for_own_packs(std::int64_t head, std::int64_t cols,
                                              const Body& body) {
  const std::int64_t thread = threadIdx.x, threads = blockDim.x;
  const std::int64_t tail = cols - (cols - head) % kSize;
  for (std::int64_t c = head + kSize * thread; c < tail; c += kSize * threads)
    body(c, std::integral_constant<int, kSize>{});
  if constexpr (kSize > 1) {
    for (std::int64_t c = thread; c < head; c += threads) body(c, std::integral_constant<int, 1>{});
    for (std::int64_t c = tail + thread; c < cols; c += threads)
      body(c, std::integral_constant<int, 1>{});
  }
}

/// Losses and, unless grad_logits is null, the gradient. It may be `logits`: neither is
/// __restrict__.
template <typename T, int kSize>
__global__ void __launch_bounds__(kMostThreads, 2)
    cross_entropy_block_per_row_kernel(float* __restrict__ losses, T* grad_logits, const T* logits,
                                       const std::int64_t* __restrict__ labels, std::int64_t cols,
                                       std::int64_t stride, float smoothing, float grad_scale) {
  SEQPE_SHARED(float[kMostWarps], scratch);
  const std::int64_t row = blockIdx.x, label = labels[row];
  const T* x = logits + row * stride;
  T* grad = grad_logits != nullptr ? grad_logits + row * stride : nullptr;
  const std::int64_t to_pack =
      static_cast<std::int64_t>((16 - reinterpret_cast<std::uintptr_t>(x) % 16) % 16 / sizeof(T));
  const std::int64_t head = kSize == 1 ? 0 : to_pack < cols ? to_pack : cols;
  if (label == kIgnoreIndex) {
    if (threadIdx.x == 0) losses[row] = 0.0f;
    if (grad == nullptr) return;
    for_own_packs<kSize>(head, cols, [&](std::int64_t c, auto size) {
      const float zeros[decltype(size)::value] = {};
      store_floats(grad + c, zeros);
    });
    return;
  }
  OnlineSoftmax part;
  float total = 0.0f;
  for_own_packs<kSize>(head, cols, [&](std::int64_t c, auto size) {
    constexpr int kN = decltype(size)::value;
    float values[kN];
    load_floats(values, x + c);
    part.add(values);
#pragma unroll
    for (int i = 0; i < kN; ++i) total += values[i];
  });
  // Before the barriers of the sums: behind them its owner may overwrite it.
  const float at_label = threadIdx.x == 0 ? simt::to_float(x[label]) : 0.0f;
  const OnlineSoftmax all = over_block(part, scratch);
  const float spread = smoothing / static_cast<float>(cols);
  if (smoothing > 0.0f) total = block_sum(total, scratch);
  if (threadIdx.x == 0) {
    const float lse = all.maximum + logf(all.sum);
    float loss = (1.0f - smoothing) * (lse - at_label);
    if (smoothing > 0.0f) loss += smoothing * lse - spread * total;
    losses[row] = loss;
  }
  if (grad == nullptr) return;
  const float factor = grad_scale / all.sum, offset = spread * grad_scale,
              for_label = (1.0f - smoothing) * grad_scale;
  for_own_packs<kSize>(head, cols, [&](std::int64_t c, auto size) {
    constexpr int kN = decltype(size)::value;
    float values[kN];
    load_floats(values, x + c);
#pragma unroll
    for (int i = 0; i < kN; ++i) values[i] = exponential(values[i] - all.maximum) * factor - offset;
    if (c <= label && label < c + kN) {  // one pack of the row
#pragma unroll
      for (int i = 0; i < kN; ++i) {
        if (c + i == label) values[i] -= for_label;
      }
    }
    store_floats(grad + c, values);
  });
}

}  // namespace

void cross_entropy(const Context& context, const CrossEntropyArgs& args) {
  if (args.rows == 0) return;
  dispatch("cross_entropy", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kSize = simt::kPackSize<T>;
    const auto run = [&](auto kernel, std::int64_t packs) {
      const std::int64_t wanted = (packs + 31) / 32 * 32;
      const unsigned threads = wanted < 32             ? 32
                               : wanted < kMostThreads ? static_cast<unsigned>(wanted)
                                                       : kMostThreads;
      simt::launch(context,
                   {"cross_entropy", dim3(static_cast<unsigned>(args.rows)), dim3(threads)}, kernel,
                   static_cast<float*>(args.losses), static_cast<T*>(args.grad_logits),
                   static_cast<const T*>(args.logits), args.labels, args.cols, args.stride,
                   args.label_smoothing, args.grad_scale);
    };
    const auto place = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16; };
    if (args.grad_logits == nullptr || place(args.grad_logits) == place(args.logits))
      return run(cross_entropy_block_per_row_kernel<T, kSize>, args.cols / kSize);
    run(cross_entropy_block_per_row_kernel<T, 1>, args.cols);
  });
}

}  // namespace seqpe::kernels::cuda
