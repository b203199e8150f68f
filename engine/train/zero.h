// ZeRO, stage 1 (Rajbhandari et al., arXiv 1910.02054): every rank has all weights, but updates a
// piece of each bucket alone and keeps the optimiser's moments of no other. Gradients need not come
// whole to every rank, the new weights are gathered instead: the same bytes travel.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/dist/process_group.h"
#include "engine/optim/buckets.h"

namespace seqpe::train {

class Zero {
 public:
  /// Takes the moments of other ranks' pieces from the groups. Everything but `dist` must outlive
  /// this. Gradients are whole on every rank in deterministic steps, else those of a rank's own
  /// pieces.
  Zero(std::vector<optim::ParameterGroup>& groups, dist::ProcessGroup& ranks,
       const dist::DistConfig& dist);

  /// After an update: the weights of all pieces.
  void gather_values() const;
  /// All moments by parameter name, on the CPU of rank 0; the others help and get nothing.
  std::vector<std::pair<std::string, Tensor>> gather_moments() const;
  /// Takes this rank's part of moments [group][m, v], flat, of all elements.
  void take_moments(const std::vector<std::pair<Tensor, Tensor>>& all) const;

 private:
  Tensor gather(std::size_t group, const Tensor& moment) const;

  std::vector<optim::ParameterGroup>& groups_;
  dist::ProcessGroup& ranks_;
  std::vector<std::vector<optim::Range>> buckets_;  // by group
};

}  // namespace seqpe::train
