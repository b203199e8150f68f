// Losses: single f64 numbers on the device that computed them, so that no host waits for one.
#pragma once

#include <utility>
#include <vector>

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Sum of weight * loss over losses on one device, of one f64 element each.
Tensor weighted_sum(const std::vector<std::pair<Tensor, double>>& losses);

}  // namespace seqpe::ops
