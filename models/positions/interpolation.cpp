#include "models/positions/interpolation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/ops/linear.h"

namespace seqpe::models {
namespace {

/// The cubic convolution kernel (Keys, 1981) at distance x from a sample.
double cubic(double x) {
  constexpr double a = -0.75;
  x = std::abs(x);
  if (x <= 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  return ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
}

/// Weights [to, from] by which samples of an axis stand in those of another length: pixel centres
/// aligned, the ends repeated.
std::vector<double> weights_of_axis(std::int64_t from, std::int64_t to, bool is_cubic) {
  std::vector<double> weights(static_cast<std::size_t>(to * from), 0.0);
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  for (std::int64_t i = 0; i < to; ++i) {
    const auto add = [&](std::int64_t sample, double weight) {
      weights[static_cast<std::size_t>(i * from + std::clamp<std::int64_t>(sample, 0, from - 1))] +=
          weight;
    };
    const double place = (static_cast<double>(i) + 0.5) * ratio - 0.5, low = std::floor(place),
                 fraction = place - low;
    const auto first = static_cast<std::int64_t>(low);
    if (is_cubic) {
      for (std::int64_t tap = -1; tap <= 2; ++tap)
        add(first + tap, cubic(fraction - static_cast<double>(tap)));
    } else {
      add(first, 1.0 - fraction);
      add(first + 1, fraction);
    }
  }
  return weights;
}

}  // namespace

Tensor interpolate(const Tensor& pe, const Extent& from, const Extent& to, Interpolation mode) {
  const std::int64_t tokens_from = place_count(from), tokens_to = place_count(to);
  std::array<std::int64_t, 2> before{1, tokens_from}, after{1, tokens_to};
  if (mode != Interpolation::linear) {
    require(from.size() == 2 && to.size() == 2,
            "[positions] a bilinear or bicubic interpolation must be from a grid to a grid, got {} "
            "and {} dimensions.",
            from.size(), to.size());
    std::ranges::copy(from, before.begin());
    std::ranges::copy(to, after.begin());
  }
  const bool is_cubic = mode == Interpolation::bicubic;
  const auto rows = weights_of_axis(before[0], after[0], is_cubic),
             columns = weights_of_axis(before[1], after[1], is_cubic);
  const Tensor weights = Tensor::empty({tokens_to, tokens_from}, DType::f64);
  auto* out = weights.data_as<double>();
  for (std::int64_t y = 0; y < after[0]; ++y) {
    for (std::int64_t x = 0; x < after[1]; ++x) {
      for (std::int64_t row = 0; row < before[0]; ++row) {
        for (std::int64_t column = 0; column < before[1]; ++column)
          *out++ = rows[static_cast<std::size_t>(y * before[0] + row)] *
                   columns[static_cast<std::size_t>(x * before[1] + column)];
      }
    }
  }
  const std::int64_t width = pe.dim(-1);
  return ops::linear(weights.to(pe.dtype()).to(pe.device()), pe.view({tokens_from, width}), {},
                     ops::WeightLayout::in_out)
      .view({1, tokens_to, width});
}

}  // namespace seqpe::models
