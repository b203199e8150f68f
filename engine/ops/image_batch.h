#pragma once

#include <array>
#include <vector>

#include "engine/core/tensor.h"
#include "kernels/image_batch.h"

namespace seqpe::ops {

/// Images from bytes to what a model takes, as kernels/image_batch.h says: windows, flipped,
/// normalised by channel, erased and mixed. pixels u8 [B, height, width, 3], placements u8 [B,
/// bytes of a kernels::ImagePlacement], mix u8 [bytes of a kernels::ImageMix] -> f32 [B, 3, height,
/// width].
Tensor image_batch(const Tensor& pixels, const Tensor& placements, const Tensor& mix,
                   const std::array<float, 3>& mean,
                   const std::array<float, 3>& standard_deviation);

/// Placements and mix as image_batch takes them, on the CPU.
Tensor image_placements(const std::vector<kernels::ImagePlacement>& placements);
Tensor image_mix(const kernels::ImageMix& mix);

}  // namespace seqpe::ops
