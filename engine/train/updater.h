// One optimiser update: forward and backward of a task, clipping by group, AdamW by schedule.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/optim/parameter_buffers.h"
#include "engine/train/task.h"
#include "engine/train/train_config.h"

namespace seqpe::train {

struct Update {
  StepTerms terms;
  std::vector<std::pair<std::string, double>> norms;  // gradient norm by group, before clipping
  double learning_rate = 0.0;                         // of the group "model"
  bool finite = true;                                 // false: nothing was updated
};

class Updater {
 public:
  /// Moves the task's parameters into flat buffers. Both arguments must outlive this.
  Updater(Task& task, const TrainConfig& config)
      : task_(task),
        config_(config),
        groups_(optim::make_groups(task.parameters(), config.compute_dtype())) {}

  /// Update number `step`, counted from 0.
  Update run(std::int64_t step);

  const std::vector<optim::ParameterGroup>& groups() const { return groups_; }

  /// Learning rate, decay and clipping of a group at an update.
  optim::GroupOptions options_of(const std::string& group, std::int64_t step) const;

 private:
  Task& task_;
  const TrainConfig& config_;
  std::vector<optim::ParameterGroup> groups_;
};

}  // namespace seqpe::train
