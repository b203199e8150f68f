// Losses: single f64 numbers on the device that computed them, so that no host waits for one.
#pragma once

#include <vector>

#include "engine/core/tensor.h"

namespace seqpe::ops {

struct WeightedLoss {
  Tensor loss;  // f64, one element
  double weight = 1.0;
  Tensor
      factor{};  // f64, one element, without a gradient: a weight that lies in memory; undefined: 1
};

/// Sum of weight * factor * loss over losses and factors on one device.
Tensor weighted_sum(const std::vector<WeightedLoss>& losses);

}  // namespace seqpe::ops
