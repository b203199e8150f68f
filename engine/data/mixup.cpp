#include "engine/data/mixup.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace seqpe::data {
namespace {

void check_share(std::string_view name, double share, std::string_view owner = "mixup") {
  require(share >= 0 && share <= 1, "[augmentation] {}: expected a {} from 0 to 1, got {}.", owner,
          name, share);
}

void check_alpha(std::string_view name, double alpha) {
  require(std::isfinite(alpha) && alpha >= 0,
          "[augmentation] mixup: expected a finite {} >= 0, got {}.", name, alpha);
}

/// Gamma(shape) by Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
/// shape must be >= 1.
double draw_gamma(double shape, PhiloxGenerator& generator) {
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double normal = generator.normal();
    const double root = 1 + c * normal;
    const double uniform = 1 - generator.uniform();  // in (0, 1]
    if (root <= 0) continue;
    const double cube = root * root * root;
    if (std::log(uniform) < normal * normal / 2 + d * (1 - cube + std::log(cube))) return d * cube;
  }
}

/// lambda own + (1 - lambda) partner, products and sum rounded to float32.
struct Blend {
  explicit Blend(double lambda)
      : own_share(static_cast<float>(lambda)), partner_share(static_cast<float>(1 - lambda)) {}
  float operator()(float own, float partner) const {
    return own * own_share + partner * partner_share;
  }
  float own_share, partner_share;
};

}  // namespace

double draw_beta(double alpha, PhiloxGenerator& generator) {
  if (alpha > 1) {
    const double own = draw_gamma(alpha, generator), other = draw_gamma(alpha, generator);
    return own / (own + other);
  }
  // Jöhnk (1964): x / (x + y) of x = u^(1/alpha) and y = v^(1/alpha) where x + y <= 1, by their
  // logarithms, since a small alpha makes both underflow.
  while (true) {
    const double log_u = std::log(1 - generator.uniform());
    const double log_v = std::log(1 - generator.uniform());
    const double ratio = std::exp((log_v - log_u) / alpha);  // y / x
    const double smaller_over_larger = std::exp(-std::abs(log_v - log_u) / alpha);
    if (std::max(log_u, log_v) / alpha + std::log1p(smaller_over_larger) <= 0)
      return 1 / (1 + ratio);
  }
}

Mix cutmix_at(double lambda, std::int64_t center_y, std::int64_t center_x, std::int64_t height,
              std::int64_t width) {
  check_share("lambda", lambda);
  require(center_y >= 0 && center_y < height && center_x >= 0 && center_x < width,
          "[augmentation] CutMix: expected a centre inside of height {} and width {}, got ({}, "
          "{}).",
          height, width, center_y, center_x);
  if (lambda == 1) return {};
  const double scale = std::sqrt(1 - lambda);
  struct Range {
    std::int64_t begin, size;
  };
  const auto range_of = [&](std::int64_t center, std::int64_t side) {
    const auto cut = static_cast<std::int64_t>(static_cast<double>(side) * scale);
    const std::int64_t begin = std::max<std::int64_t>(center - cut / 2, 0);
    return Range{begin, std::min(center + (cut + 1) / 2, side) - begin};
  };
  const Range rows = range_of(center_y, height), columns = range_of(center_x, width);
  const auto cut = static_cast<double>(rows.size * columns.size);
  return {1 - cut / static_cast<double>(height * width),
          Box{rows.begin, columns.begin, rows.size, columns.size}};
}

Mix draw_mix(std::int64_t height, std::int64_t width, const MixupOptions& options,
             PhiloxGenerator& generator) {
  check_share("probability", options.probability);
  check_share("CutMix probability", options.cutmix_probability);
  check_alpha("mixup alpha", options.mixup_alpha);
  check_alpha("CutMix alpha", options.cutmix_alpha);
  const bool mixup = options.mixup_alpha > 0, cutmix = options.cutmix_alpha > 0;
  if ((!mixup && !cutmix) || generator.uniform() >= options.probability) return {};
  const bool cut = cutmix && (!mixup || generator.uniform() < options.cutmix_probability);
  if (!cut) return {draw_beta(options.mixup_alpha, generator), std::nullopt};
  const double lambda = draw_beta(options.cutmix_alpha, generator);
  const std::int64_t center_y = generator.uniform_int(height);
  const std::int64_t center_x = generator.uniform_int(width);
  return cutmix_at(lambda, center_y, center_x, height, width);
}

kernels::ImageMix mix_of_images(const Mix& mix) {
  if (!mix.box) {
    return {.own_share = static_cast<float>(mix.lambda),
            .partner_share = static_cast<float>(1 - mix.lambda)};
  }
  return {.top = static_cast<std::int32_t>(mix.box->top),
          .left = static_cast<std::int32_t>(mix.box->left),
          .height = static_cast<std::int32_t>(mix.box->height),
          .width = static_cast<std::int32_t>(mix.box->width)};
}

void soft_targets(std::span<const std::int64_t> labels, std::int64_t classes, double smoothing,
                  double lambda, float* targets) {
  check_share("lambda", lambda, "targets");
  check_share("smoothing", smoothing, "targets");
  require(classes >= 1, "[augmentation] targets: expected at least one class, got {}.", classes);
  for (std::size_t row = 0; row < labels.size(); ++row) {
    require(labels[row] >= 0 && labels[row] < classes,
            "[augmentation] targets: expected labels from 0 to {}, got {} at {}.", classes - 1,
            labels[row], row);
  }
  const double elsewhere = smoothing / static_cast<double>(classes);
  const auto off = static_cast<float>(elsewhere);
  const auto on = static_cast<float>(1 - smoothing + elsewhere);
  const Blend blend(lambda);
  for (std::size_t row = 0; row < labels.size(); ++row, targets += classes) {
    const auto other = static_cast<std::size_t>(kernels::partner_of(
        static_cast<std::int64_t>(row), static_cast<std::int64_t>(labels.size())));
    const std::int64_t own = labels[row], partner = labels[other];
    std::fill_n(targets, classes, blend(off, off));
    targets[own] = blend(on, own == partner ? on : off);
    if (own != partner) targets[partner] = blend(off, on);
  }
}

}  // namespace seqpe::data
