// The files of a model that every task writes and reads: weights and configuration.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "models/tasks/task_model.h"
#include "models/tasks/weight_checks.h"

namespace seqpe::models {

/// Writes model.safetensors, with SeqPE model_1.safetensors, and config.yaml.
void save_weights_and_config(const TaskModel& model, const std::filesystem::path& directory);

/// Reads the weights; names of `left_out` in the model's file are not looked at.
void copy_weights(const WeightFiles& files, const TaskModel& model,
                  const std::vector<std::string>& left_out = {});

/// Throws CheckpointError with the key that differs unless the configuration in `directory` is of
/// this very model: what computes its result, not how it is trained.
void check_same_configuration(const TaskModel& model, const std::filesystem::path& directory);

/// Prints a warning with the keys that differ if the training on which `directory` stands took its
/// samples from other data, or in another order, than this model's configuration does.
void warn_of_other_data(const TaskModel& model, const std::filesystem::path& directory);

/// The configuration that lies beside a model of ours, with `overrides`, checked for computing.
/// Throws CheckpointError where it is of another task, or none is there.
Config stored_config(const StoredModel& stored, TaskKind task,
                     const std::vector<std::string>& overrides);

}  // namespace seqpe::models
