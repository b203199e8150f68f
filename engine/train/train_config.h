// The sections `train`, `data`, `eval`, `checkpoint` and `log` of the configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/data/lm_blocks.h"
#include "engine/optim/schedule.h"
#include "kernels/common/dtype.h"

namespace seqpe::train {

enum class Precision : std::uint8_t { fp32, bf16 };
enum class DeviceChoice : std::uint8_t { automatic, cpu, cuda };

struct TrainConfig {
  std::int64_t steps = 1000;
  std::int64_t batch_size = 16;
  std::int64_t micro_batch_size = 0;  // 0: the whole batch (`auto`)
  double learning_rate = 5e-5;
  double encoder_learning_rate = -1.0;  // < 0: learning_rate (`auto`)
  double min_learning_rate = 0.0;
  std::int64_t warmup_steps = 0;
  double warmup_from = 0.0;
  optim::ScheduleKind schedule = optim::ScheduleKind::linear;
  std::vector<double> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.0;
  double encoder_weight_decay = 0.0;
  double clip = 5.0;          // 0: no clipping
  double encoder_clip = 5.0;  // 0: no clipping
  Precision precision = Precision::fp32;
  DeviceChoice device = DeviceChoice::automatic;
  std::int64_t threads = 0;  // 0: one a core (`auto`)
  bool pin = false;          // bind each thread to a core
  std::int64_t seed = 1;
  std::int64_t eval_every = 0;  // 0: at the end only

  std::int64_t micro_batch() const { return micro_batch_size == 0 ? batch_size : micro_batch_size; }
  /// The dtype of activations and of the weights that products take; none: the parameters' own.
  std::optional<DType> compute_dtype() const {
    return precision == Precision::bf16 ? std::optional(DType::bf16) : std::nullopt;
  }
  double encoder_rate() const {
    return encoder_learning_rate < 0 ? learning_rate : encoder_learning_rate;
  }
};

struct DataConfig {
  std::string path;
  std::string valid_path;
  std::string tokenizer = "bytes";
  std::int64_t block_size = 512;
  data::Reader reader = data::Reader::lines;
  data::BlankLines blank_lines = data::BlankLines::drop;
  std::int64_t shards = 1;
  bool reference_blocks = false;

  data::TextOptions text_options(std::int64_t max_lines) const {
    return {.reader = reader, .blank_lines = blank_lines, .shards = shards, .max_lines = max_lines};
  }
};

struct EvalConfig {
  std::vector<std::int64_t> lengths;  // empty: data.block_size
  std::int64_t stride = 0;            // 0: the length (`auto`)
  std::int64_t start = 0;
  std::int64_t max_lines = 0;  // 0: all
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
