// Mixup (Zhang et al., arXiv 1710.09412) and CutMix (Yun et al., arXiv 1905.04899) of a batch, with
// the soft targets that go with them. One draw a batch (timm's batch mode; there the partner is the
// image as far from the end of the batch, here the neighbour: kernels::partner_of).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/core/random.h"
#include "engine/data/image_cropping.h"
#include "kernels/image_batch.h"

namespace seqpe::data {

struct MixupOptions {
  double probability = 1;           // of a batch to be mixed at all
  double mixup_alpha = 0.8;         // lambda ~ Beta(alpha, alpha); 0: no mixup
  double cutmix_alpha = 1;          // 0: no CutMix
  double cutmix_probability = 0.5;  // where both are on
};

/// What happens to a batch.
struct Mix {
  double lambda = 1;       // the image's own share; the partner's is 1 - lambda
  std::optional<Box> box;  // of CutMix: the pixels that come from the partner
};

/// Beta(alpha, alpha), in [0, 1]. alpha must be > 0.
double draw_beta(double alpha, PhiloxGenerator& generator);

/// For images of height and width. A CutMix box has the centre uniform over pixels. Throws Error
/// for options out of range.
Mix draw_mix(std::int64_t height, std::int64_t width, const MixupOptions& options,
             PhiloxGenerator& generator);

/// CutMix at the lambda that was drawn, about the pixel (center_y, center_x): sides
/// n = int(side * sqrt(1 - lambda)), from c - n / 2 to c + (n + 1) / 2, cut off at the border;
/// its lambda is what is left of the image. No box at lambda 1. Throws Error unless lambda is in
/// [0, 1] and the centre in the image. (timm 0.4.12 ended boxes at c + n / 2.)
Mix cutmix_at(double lambda, std::int64_t center_y, std::int64_t center_x, std::int64_t height,
              std::int64_t width);

/// The same for the kernel that mixes images: an image's box replaces its pixels, so its shares are
/// 1 and 0.
kernels::ImageMix mix_of_images(const Mix& mix);

/// `targets` [batch, classes]: the label's row (1 - smoothing + smoothing / classes on the label,
/// smoothing / classes elsewhere) times lambda, plus the partner's times 1 - lambda. Throws Error
/// unless every label is in [0, classes), smoothing and lambda in [0, 1].
void soft_targets(std::span<const std::int64_t> labels, std::int64_t classes, double smoothing,
                  double lambda, float* targets);

}  // namespace seqpe::data
