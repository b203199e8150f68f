// What `train` needs to know of a task: its model and data, what a step takes, what is told of the
// trained model.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/train/log.h"
#include "engine/train/task.h"
#include "models/tasks/task_model.h"
#include "tools/seqpe_engine/plan.h"

namespace seqpe::tools {

/// One model with its data.
class Training {
 public:
  virtual ~Training() = default;
  virtual const models::TaskModel& model() const = 0;
  /// Reads the data, and makes the task of this rank.
  virtual void open(dist::ProcessGroup& ranks) = 0;
  /// After open().
  virtual train::Task& task() = 0;
  virtual StepSize step_size(Device device) const = 0;
  /// Starts from the weights in a checkpoint folder.
  virtual void load(const std::filesystem::path& weights) const = 0;
  /// Throws CheckpointError unless a checkpoint is of this very model.
  virtual void check_same(const std::filesystem::path& checkpoint) const = 0;
};

/// A task of `train`, and the results of the models that were trained.
class TrainingKind {
 public:
  virtual ~TrainingKind() = default;
  /// The word of the command line: "lm".
  virtual const char* name() const = 0;
  virtual models::TaskKind task() const = 0;
  /// The recipe of a command without --config.
  virtual const char* quick_start() const = 0;
  /// A model without weights.
  virtual std::unique_ptr<Training> make(const models::Config& config, train::Log& log) = 0;
  /// Evaluates a trained model for print(), on all ranks together.
  virtual void evaluate(Training& training, train::Log& log, dist::ProcessGroup& ranks) = 0;
  /// Tables on stdout, the run's files beside them.
  virtual void print(const models::Config& config, const std::filesystem::path& run) const = 0;
  /// Throws DivergedError where a result is not finite.
  virtual void check_finite() const = 0;
};

std::unique_ptr<TrainingKind> language_model_training();
std::unique_ptr<TrainingKind> image_training();

}  // namespace seqpe::tools
