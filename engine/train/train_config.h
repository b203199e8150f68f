// The sections `train`, `checkpoint` and `log` of the configuration.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/optim/schedule.h"
#include "kernels/common/dtype.h"

namespace seqpe::train {

enum class Precision : std::uint8_t { fp32, bf16, tf32 };
enum class DeviceChoice : std::uint8_t { automatic, cpu, cuda };

/// How the parameters of one group (nn::Parameter::group) are updated.
struct GroupConfig {
  double learning_rate = -1.0;  // peak; < 0: that of the group "model" (`auto`)
  double weight_decay = 0.0;
  double clip = 5.0;  // largest norm of the group's gradient; 0: any
};

struct TrainConfig {
  std::int64_t steps = 1000;
  std::int64_t batch_size = 16;
  std::int64_t micro_batch_size = 0;  // 0: all rows of a process, or of a shard (`auto`)
  /// A task's groups by name; every task has "model".
  std::map<std::string, GroupConfig> groups{{"model", {.learning_rate = 5e-5}}};
  double min_learning_rate = 0.0;
  std::int64_t warmup_steps = 0;
  double warmup_from = 0.0;
  optim::ScheduleKind schedule = optim::ScheduleKind::linear;
  bool schedule_as_timm = false;  // optim::Schedule::delay and falls_during_warmup
  std::vector<double> betas{0.9, 0.999};
  double eps = 1e-8;
  Precision precision = Precision::fp32;
  DeviceChoice device = DeviceChoice::automatic;
  bool cuda_graphs = true;   // on a GPU, play recorded steps
  std::int64_t threads = 0;  // 0: one a core (`auto`)
  bool pin = false;          // bind each thread to a core
  std::int64_t seed = 1;
  std::int64_t eval_every = 0;  // 0: at the end only

  std::int64_t micro_batch() const { return micro_batch_size == 0 ? batch_size : micro_batch_size; }
  /// The dtype of activations and of the weights that products take; none: the parameters' own.
  std::optional<DType> compute_dtype() const {
    return precision == Precision::bf16 ? std::optional(DType::bf16) : std::nullopt;
  }
  double peak_rate(const GroupConfig& group) const {
    return group.learning_rate < 0 ? groups.at("model").learning_rate : group.learning_rate;
  }
};

struct CheckpointConfig {
  std::int64_t every = 0;  // 0: at the end only
  std::int64_t keep_last = 2;
  std::int64_t keep_every = 0;  // 0: none beyond keep_last
};

struct LogConfig {
  std::int64_t every = 10;
};

}  // namespace seqpe::train
