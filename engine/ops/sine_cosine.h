#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Sines of angles, and behind them their cosines, as PositionAct::rotate reads them: angles [...,
/// n] -> [..., 2n].
Tensor sine_cosine(const Tensor& angles);

}  // namespace seqpe::ops
