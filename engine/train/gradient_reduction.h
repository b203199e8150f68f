// Gradients summed over the ranks while backward still computes others. The flat buffers are cut
// into buckets, runs of parameters in the order in which backward completes them; a bucket travels
// as soon as the last gradient in it is complete.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/core/variable.h"
#include "engine/dist/process_group.h"
#include "engine/optim/buckets.h"

namespace seqpe::train {

class GradientReduction {
 public:
  /// Of groups that must outlive this, as must `ranks`. With dist.zero a rank gets the sums of its
  /// own pieces alone (zero.h).
  GradientReduction(const std::vector<optim::ParameterGroup>& groups, dist::ProcessGroup& ranks,
                    const dist::DistConfig& dist);
  ~GradientReduction();
  GradientReduction(const GradientReduction&) = delete;
  GradientReduction& operator=(const GradientReduction&) = delete;

  /// No gradient of this step is complete yet.
  void begin_step();
  /// From now on backward completes gradients: nothing more is added to one whose uses it has
  /// walked through.
  void arm() { armed_ = true; }
  /// Sends what is left and waits for all. Every gradient is there.
  void finish();

  /// How many buckets there are, and how many travelled before finish() in this step.
  std::int64_t count() const { return static_cast<std::int64_t>(buckets_.size()); }
  std::int64_t begun() const { return begun_; }

 private:
  class Bucket;
  void send_complete();

  dist::ProcessGroup& ranks_;
  dist::Wire wire_;
  bool scatters_;
  std::vector<std::unique_ptr<Bucket>> buckets_;  // in the order in which they travel
  bool armed_ = false;
  std::int64_t begun_ = 0;
};

}  // namespace seqpe::train
