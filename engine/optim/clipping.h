// Clipping of gradients by the norm of their group, decided where the gradients are: no host waits
// for a norm.
#pragma once

#include <vector>

#include "engine/dist/process_group.h"
#include "engine/optim/parameter_buffers.h"

namespace seqpe::optim {

class Clipping {
 public:
  /// Of these groups, which must outlive this and lie on one device. `ranks`, if given, each count
  /// a part of the squares.
  explicit Clipping(const std::vector<ParameterGroup>& groups, dist::ProcessGroup* ranks = nullptr);

  /// Takes the norm of each group's gradient, [groups] f64 on the device, and decides the factors
  /// that bring them to at most `limits` (0: any). If one of them or the loss (f64, one element) is
  /// not finite, all factors are NaN from then on: nothing is updated any more.
  Tensor decide(const std::vector<double>& limits, const Tensor& loss);

  /// What the gradient of group g is to be multiplied with: one f64 number on the device.
  Tensor factor(std::size_t g) const;

 private:
  const std::vector<ParameterGroup>& groups_;
  dist::ProcessGroup* ranks_;
  Tensor squares_, factors_;  // [groups]
};

}  // namespace seqpe::optim
