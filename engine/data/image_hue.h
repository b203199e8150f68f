// Colours of images turned around the colour circle.
#pragma once

#include "engine/data/image.h"

namespace seqpe::data {

/// Adds `turns` of the colour circle to every pixel's hue: int(255 * turns) of 256 steps. It goes
/// through Pillow's 8-bit HSV, so even 0 changes pixels a little. Byte for byte torchvision's
/// adjust_hue of a Pillow image. Throws Error unless `turns` is from -0.5 to 0.5.
Image adjust_hue(const Image& image, double turns);

}  // namespace seqpe::data
