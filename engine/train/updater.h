// One optimiser update: forward and backward of an objective, clipping by group, AdamW by schedule.
// The device is told what to do; what came of it the host asks for later.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/readback.h"
#include "engine/optim/clipping.h"
#include "engine/optim/parameter_buffers.h"
#include "engine/train/gradient_reduction.h"
#include "engine/train/micro_batches.h"
#include "engine/train/step_plans.h"
#include "engine/train/task.h"
#include "engine/train/train_config.h"
#include "engine/train/zero.h"
#include "kernels/matmul.h"

namespace seqpe::train {

struct Update {
  double loss = 0.0;                                                 // total
  std::vector<std::pair<std::string, std::optional<double>>> terms;  // as StepTerms
  std::vector<std::pair<std::string, double>> norms;  // gradient norm by group, before clipping
  double learning_rate = 0.0;                         // of the group "model"
  std::int64_t samples = 0;                           // of Objective::unit
  bool finite = true;  // false: neither this update nor a later one changed anything
};

/// An update that the device was told to make.
class PendingUpdate {
 public:
  PendingUpdate(const StepTerms& terms, const std::vector<std::string>& groups, const Tensor& norms,
                double learning_rate);
  /// Waits for it.
  Update wait() const;

 private:
  Update update_;     // less the numbers
  Readback numbers_;  // the loss, the terms that there are, the norms
};

class Updater {
 public:
  /// Moves the parameters of the objective into flat buffers, which the ranks update alike. The
  /// arguments but `dist` must outlive this. Throws ConfigError as share_of_rank.
  Updater(Objective& objective, const TrainConfig& config,
          dist::ProcessGroup& ranks = dist::single_process(), const dist::DistConfig& dist = {});
  Updater(const Updater&) = delete;
  Updater& operator=(const Updater&) = delete;

  /// Update number `step`, counted from 0.
  PendingUpdate start(std::int64_t step);

  const std::vector<optim::ParameterGroup>& groups() const { return groups_; }
  Device device() const { return groups_[0].device(); }

  /// The moments by parameter name, "m.NAME" and "v.NAME", for a checkpoint that rank 0 writes: all
  /// ranks ask together, and only rank 0 need get them.
  std::vector<std::pair<std::string, Tensor>> moments() const;
  /// Reads what moments() gave.
  void read_moments(const std::filesystem::path& file);

  /// The rate of a group at an update.
  double learning_rate(const std::string& group, std::int64_t step) const;

 private:
  const GroupConfig& options_of(const std::string& group) const;
  StepTerms sum_of_gradients(const StepInputs& inputs);
  StepResult compute(const StepInputs& inputs);

  Objective& objective_;
  const TrainConfig& config_;
  dist::ProcessGroup& ranks_;
  std::vector<optim::ParameterGroup> groups_;
  std::optional<GradientReduction> reduction_;  // none in a deterministic step, or without others
  std::unique_ptr<MicroBatches> micro_batches_;
  std::optional<Zero> zero_;
  optim::Clipping clipping_;
  StepPlans plans_;
};

}  // namespace seqpe::train
