#include "kernels/softmax.h"

#include <cmath>

#include "kernels/common/parallel.h"
#include "kernels/cpu/numeric.h"
#include "kernels/cpu/softmax_row.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kRowsPerChunk = 16;

template <typename T>
void forward(const SoftmaxForwardArgs& args) {
  using A = Acc<T>;
  parallel_chunks(args.rows, kRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* x = static_cast<const T*>(args.x) + row * args.cols;
      T* out = static_cast<T*>(args.out) + row * args.cols;
      const A maximum = row_maximum(x, args.cols);
      const A sum = row_sum_of_exp(x, args.cols, maximum);
      const A shift = maximum + std::log(sum), scale = A(1) / sum;
      if (args.log) {
#pragma omp simd
        for (std::int64_t c = 0; c < args.cols; ++c) store(out + c, load(x + c) - shift);
      } else {
#pragma omp simd
        for (std::int64_t c = 0; c < args.cols; ++c)
          store(out + c, fast_exp(load(x + c) - maximum) * scale);
      }
    }
  });
}

template <typename T>
void backward(const SoftmaxBackwardArgs& args) {
  using A = Acc<T>;
  const bool log = args.log;
  parallel_chunks(args.rows, kRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* grad = static_cast<const T*>(args.grad_out) + row * args.cols;
      const T* out = static_cast<const T*>(args.out) + row * args.cols;
      T* grad_x = static_cast<T*>(args.grad_x) + row * args.cols;
      A sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t c = 0; c < args.cols; ++c)
        sum += load(grad + c) * (log ? A(1) : load(out + c));
      for (std::int64_t c = 0; c < args.cols; ++c) {
        const A g = load(grad + c), y = load(out + c);
        write_to(grad_x + c, log ? g - fast_exp(y) * sum : y * (g - sum), args.write);
      }
    }
  });
}

}  // namespace

void softmax_forward(const SoftmaxForwardArgs& args) {
  dispatch_floating("softmax", args.dtype,
                    [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

void softmax_backward(const SoftmaxBackwardArgs& args) {
  dispatch_floating("softmax", args.dtype,
                    [&](auto tag) { backward<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
