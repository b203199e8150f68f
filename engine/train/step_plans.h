// How a device comes to run a training step. Of steps that are alike the first is told to it kernel
// by kernel, which is when libraries choose their algorithms; the second is recorded (on a GPU: a
// CUDA graph), and played from then on. Their inputs come to the same memory each time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/train/step_inputs.h"
#include "engine/train/task.h"
#include "kernels/feed.h"
#include "kernels/recording.h"

namespace seqpe::train {

/// What a step leaves on the device: f64 numbers.
struct StepResult {
  StepTerms terms;
  Tensor norms;  // of the gradients, a group each
};

/// A step of given inputs, which are on the device.
using StepWork = std::function<StepResult(const StepInputs& inputs)>;

class StepPlans {
 public:
  /// `record`: false tells every step kernel by kernel. On the CPU nothing is recorded.
  StepPlans(Device device, bool record) : device_(device), record_(record) {}

  /// Runs `work`, always the same one. The result stays until the next step runs: read it, or have
  /// it read (engine/core/readback.h), before.
  StepResult run(const StepInputs& drawn, const StepWork& work);

 private:
  class Plan;
  Device device_;
  bool record_;
  std::vector<std::shared_ptr<Plan>> plans_;
};

}  // namespace seqpe::train
