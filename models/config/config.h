// The whole configuration of a run, and its schema.
#pragma once

#include <string>
#include <vector>

#include "engine/config/load.h"
#include "engine/data/image_dataset.h"
#include "engine/data/lm_blocks.h"
#include "engine/dist/dist_config.h"
#include "engine/train/train_config.h"
#include "kernels/attention_backend.h"
#include "models/config/image_config.h"
#include "models/gpt/gpt.h"
#include "models/positions/registry.h"
#include "models/seqpe/options.h"

namespace seqpe::models {

/// What is trained: a language model (GPT-2) or an image classifier (ViT).
enum class TaskKind : std::uint8_t { lm, vit };

/// The section `model`.
struct ModelConfig {
  std::int64_t layers = 12;
  std::int64_t width = 768;
  std::int64_t heads = 12;
  ActivationName activation = ActivationName::gelu_new;
  double layer_norm_eps = 1e-5;
  GptDropout dropout;
  std::string position = "seqpe";  // a name of positions/registry.h
  double rotary_base = 10000.0;
  RotaryMixedPosition::Layout rotary_layout = RotaryMixedPosition::Layout::by_head;
  Interpolation interpolate = Interpolation::none;
  // Of vit:
  std::int64_t image = 224;
  std::int64_t patch = 16;
  std::int64_t classes = 0;  // 0: as many as the training data has (`auto`)
  double drop_path = 0.0;

  bool is_seqpe() const { return position == "seqpe"; }
};

/// The section `data`.
struct DataConfig {
  std::string path;
  std::string valid_path;
  std::string tokenizer = "bytes";
  std::int64_t block_size = 512;
  data::Reader reader = data::Reader::lines;
  data::BlankLines blank_lines = data::BlankLines::drop;
  std::int64_t shards = 1;
  bool reference_blocks = false;
  // Of vit:
  data::BadImages bad_image = data::BadImages::refuse;
  std::int64_t workers = 1;
  AugmentConfig augment;

  data::TextOptions text_options(std::int64_t max_lines) const {
    return {.reader = reader, .blank_lines = blank_lines, .shards = shards, .max_lines = max_lines};
  }
};

/// The section `eval`.
struct EvalConfig {
  std::vector<std::int64_t> lengths;  // empty: data.block_size
  std::int64_t stride = 0;            // 0: the length (`auto`)
  std::int64_t start = 0;
  std::int64_t max_lines = 0;      // 0: all
  std::vector<std::string> sizes;  // of vit; empty: model.image
};

/// The section `kernels`: who computes what on a GPU.
struct KernelsConfig {
  kernels::AttentionBackend attention = kernels::AttentionBackend::own;
};

struct Config {
  Config() { train.groups["encoder"] = {}; }

  TaskKind task = TaskKind::lm;
  ModelConfig model;
  SeqpeOptions seqpe;
  train::TrainConfig train;
  KernelsConfig kernels;
  DataConfig data;
  EvalConfig eval;
  train::CheckpointConfig checkpoint;
  train::LogConfig log;
  dist::DistConfig dist;
  std::vector<std::string> compare;
};

/// The schema, bound to `config`.
std::vector<config::Field> fields_of(Config& config);

/// Defaults, then each of `names` (files or recipes) in order, then the overrides "a.b=c"; checked
/// as a whole, to train.
Config load_config(const std::vector<std::string>& names,
                   const std::vector<std::string>& overrides);

/// The same for a model that is only computed: how it was trained is not checked.
Config load_model_config(const std::vector<std::string>& names,
                         const std::vector<std::string>& overrides);

/// Throws ConfigError where values do not fit together: of the model and its evaluation, and for
/// the second one of its training and its rivals as well.
void validate_model(const Config& config);
void validate_training(const Config& config);

/// Throws ConfigError where the model cannot be computed on `device`. validate_model asks for the
/// device that train.device names; what `auto` finds is checked when it is found.
void validate_device(const Config& config, Device device);

/// eval.sizes, or the trained size where it is empty.
std::vector<data::EvaluationSize> evaluation_sizes(const Config& config);

/// {tokens} of a training sequence, or {rows, columns} of a training image's patches.
Extent trained_extent(const Config& config);

/// eval.lengths, or the trained length where it is empty.
std::vector<std::int64_t> evaluation_lengths(const Config& config);

/// The configurations of `compare`: the same with other positions.
std::vector<Config> rivals_of(const Config& config);

/// True for a key that says what a model with these positions computes; false for one that says how
/// it is trained.
bool describes_model(const std::string& key, const std::string& position);

/// True for a key that decides which sequences a step of training sees.
bool decides_data(const std::string& key);

}  // namespace seqpe::models
