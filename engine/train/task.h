// What the training loop knows of a model: named loss terms, parameter groups, evaluation, files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/nn/parameter.h"
#include "engine/train/micro_batches.h"
#include "engine/train/step_inputs.h"

namespace seqpe::train {

/// What a step computes: f64 numbers on the task's device, this rank's parts of the sums over all
/// ranks; in a deterministic step the sums. `terms` holds the unweighted losses by name ("task",
/// "contrastive"); a term that this step did not have is undefined.
struct StepTerms {
  Tensor loss;  // total
  std::vector<std::pair<std::string, Tensor>> terms;
  std::int64_t samples = 0;  // of Objective::unit, those of the whole step
};

/// One line of an evaluation: "length" 512, "nll" 2.3 ... in the order to show.
using EvalValue = std::variant<std::int64_t, double, std::string>;
using EvalRow = std::vector<std::pair<std::string, EvalValue>>;

/// Results on the validation data. The checkpoint of the lowest `loss` is the best one.
struct Evaluation {
  std::vector<EvalRow> rows;
  std::optional<double> loss;
};

/// Told during an evaluation how much of it is done; may throw to end it.
using OnEvaluated = std::function<void(std::int64_t done, std::int64_t total)>;

/// What the optimiser's steps are taken on.
class Objective {
 public:
  virtual ~Objective() = default;

  /// What progress and metrics count: "tokens", "images".
  virtual const char* unit() const = 0;
  /// All parameters with their groups.
  virtual std::vector<nn::Parameter> parameters() const = 0;
  /// What one optimiser step computes from, on the host: a function of `step` alone. With several
  /// ranks, what this one needs for its Share.
  virtual StepInputs draw(std::int64_t step) = 0;
  /// Forward and backward of that step, as `micro_batches` cuts it: gradients of the total loss add
  /// up in the parameters. The inputs are those that were drawn, on the task's device: whatever
  /// differs from step to step must come from them, for a device may record this and play it again
  /// for inputs that are alike. Does not wait for the device.
  virtual StepTerms forward_backward(const StepInputs& inputs, MicroBatches& micro_batches) = 0;
};

/// An objective with validation data and files.
class Task : public Objective {
 public:
  /// Empty without validation data.
  virtual Evaluation evaluate(const OnEvaluated& on_evaluated) = 0;
  /// Writes and reads the model's files in a checkpoint folder.
  virtual void save(const std::filesystem::path& directory) const = 0;
  virtual void load(const std::filesystem::path& directory) = 0;
  /// A fingerprint of the data for training and validation, which every rank must have alike.
  virtual std::string data_fingerprint() const { return ""; }
};

}  // namespace seqpe::train
