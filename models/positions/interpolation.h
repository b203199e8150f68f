// Embeddings of one extent of positions stretched to another, as PyTorch's interpolate does it with
// align_corners = false and without antialiasing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/tensor.h"
#include "models/positions/position_grid.h"

namespace seqpe::models {

/// linear: along the sequence, whatever its dimensions; bilinear, bicubic (a = -0.75): rows and
/// columns of a grid each. Beyond an end, the end is repeated.
enum class Interpolation : std::uint8_t { none, linear, bilinear, bicubic };
inline const std::vector<std::string> kInterpolationNames{"none", "linear", "bilinear", "bicubic"};
inline const std::string& name_of(Interpolation mode) {
  return kInterpolationNames[static_cast<std::size_t>(mode)];
}

/// pe [1, tokens of `from`, W] -> [1, tokens of `to`, W]; differentiable. Throws Error for a
/// bilinear or bicubic one of other than two dimensions.
Tensor interpolate(const Tensor& pe, const Extent& from, const Extent& to, Interpolation mode);

}  // namespace seqpe::models
