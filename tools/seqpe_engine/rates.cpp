#include "tools/seqpe_engine/rates.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/core/tensor.h"
#include "engine/train/progress.h"
#include "kernels/matmul.h"

namespace seqpe::tools {
namespace {

/// Seconds of the fastest of a few calls.
template <typename F>
double fastest(const F& call) {
  double best = 1e30;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const train::Stopwatch watch;
    call();
    best = std::min(best, watch.seconds());
  }
  return best;
}

/// The first element of a list, once the device has done what it was asked for.
double first(const Tensor& list) {
  return list.rows(0, 1).to(Device::cpu).item();
}

}  // namespace

std::string gemm_rate_text(std::int64_t size, double seconds) {
  const auto extent = static_cast<double>(size);
  return fmt::format("{:.0f} GFLOP/s", 2e-9 * extent * extent * extent / seconds);
}

std::string copy_rate_text(std::int64_t bytes, double seconds) {
  return fmt::format("{:.1f} GB/s read and written", 2e-9 * static_cast<double>(bytes) / seconds);
}

std::string gemm_rate(Device device, DType dtype, std::int64_t size) {
  const Tensor a = Tensor::full({size, size}, 0.5, dtype, device),
               b = Tensor::full({size, size}, 2.0, dtype, device),
               out = Tensor::empty({size * size}, dtype, device);
  double element = 0;
  const double seconds = fastest([&] {
    kernels::matmul(out.context(), {.dtype = dtype,
                                    .out = out.data(),
                                    .a = a.data(),
                                    .b = b.data(),
                                    .m = size,
                                    .n = size,
                                    .k = size,
                                    .lda = size,
                                    .ldb = size,
                                    .ldc = size});
    element = first(out);
  });
  require(element == static_cast<double>(size),
          "[doctor] an element of the timed product must be {}, got {}.", size, element);
  return gemm_rate_text(size, seconds);
}

std::string copy_rate(Device device, std::int64_t bytes) {
  const auto count = bytes / static_cast<std::int64_t>(sizeof(float));
  const Tensor from = Tensor::full({count}, 1.0, DType::f32, device),
               to = Tensor::empty({count}, DType::f32, device);
  const double seconds = fastest([&] {
    to.copy_from(from);
    first(to);
  });
  return copy_rate_text(bytes, seconds);
}

}  // namespace seqpe::tools
