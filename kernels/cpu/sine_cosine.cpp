#include "kernels/sine_cosine.h"

#include <cmath>

#include "kernels/common/parallel.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kRowsPerChunk = 16;

}  // namespace

void sine_cosine_forward(const SineCosineForwardArgs& args) {
  dispatch_floating("sine_cosine", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_chunks(args.rows, kRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* angles = static_cast<const T*>(args.angles) + row * args.cols;
        T* sines = static_cast<T*>(args.out) + row * 2 * args.cols;
        for (std::int64_t j = 0; j < args.cols; ++j) {
          store(sines + j, std::sin(load(angles + j)));
          store(sines + args.cols + j, std::cos(load(angles + j)));
        }
      }
    });
  });
}

void sine_cosine_backward(const SineCosineBackwardArgs& args) {
  dispatch_floating("sine_cosine", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_chunks(args.rows, kRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        T* grad = static_cast<T*>(args.grad_angles) + row * args.cols;
        const T* sines = static_cast<const T*>(args.out) + row * 2 * args.cols;
        const T* grad_sines = static_cast<const T*>(args.grad_out) + row * 2 * args.cols;
        const T *cosines = sines + args.cols, *grad_cosines = grad_sines + args.cols;
        for (std::int64_t j = 0; j < args.cols; ++j) {
          write_to(
              grad + j,
              load(grad_sines + j) * load(cosines + j) - load(grad_cosines + j) * load(sines + j),
              args.write);
        }
      }
    });
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
