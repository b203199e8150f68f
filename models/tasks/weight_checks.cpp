#include "models/tasks/weight_checks.h"

#include <algorithm>

#include "models/tasks/reference_files.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;

void check_extent(const io::SafetensorsFile& file, const std::string& name, std::size_t dimension,
                  std::int64_t value, const char* key) {
  const Shape& shape = file.at(name).shape;
  require<CheckpointError>(
      dimension < shape.size() && shape[dimension] == value,
      "[checkpoint] {}: '{}' must have extent {} in dimension {} ({}), it is {}.",
      file.path().string(), name, value, dimension, key, to_string(shape));
}

void check_layers(const io::SafetensorsFile& file, const char* prefix, const char* name,
                  std::int64_t value, const char* key) {
  std::int64_t layers = 0;
  while (file.contains(fmt::format("{}.{}.{}", prefix, layers, name))) ++layers;
  require<CheckpointError>(layers == value,
                           "[checkpoint] {} must hold {} layers ({}), it holds {}.",
                           file.path().string(), value, key, layers);
}

void check_encoder(const SeqpeOptions& seqpe, const io::SafetensorsFile& file) {
  check_extent(file, "token_of_seqpe_embed.weight", 0, seqpe.base, "seqpe.base");
  check_extent(file, "token_of_seqpe_embed.weight", 1, seqpe.encoder.width, "seqpe.encoder.width");
  if (seqpe.max_digits > 0)
    check_extent(file, "pos_of_seqpe_embed.weight", 0, seqpe.dimensions * seqpe.max_digits,
                 "seqpe.max_digits");
  check_layers(file, "transformers", "layernorm_1.weight", seqpe.encoder.layers,
               "seqpe.encoder.layers");
}

}  // namespace

WeightFiles open_weights(const Config& config, const fs::path& directory) {
  WeightFiles files{io::SafetensorsFile::open(directory / kModelFile), {}};
  if (config.model.is_seqpe()) files.encoder = io::SafetensorsFile::open(directory / kEncoderFile);
  return files;
}

void check_tied_head(const io::SafetensorsFile& file) {
  if (!file.contains(kHead)) return;
  const auto &head = file.at(kHead), &embedding = file.at(kEmbedding);
  require<CheckpointError>(head.dtype == embedding.dtype && head.shape == embedding.shape &&
                               std::ranges::equal(head.data, embedding.data),
                           "[checkpoint] {}: '{}' must equal '{}' (the two are one parameter), it "
                           "differs.",
                           file.path().string(), kHead, kEmbedding);
}

std::int64_t checked_vocab_size(const Config& config, const StoredModel& stored,
                                const WeightFiles& files) {
  check_extent(files.model, kEmbedding, 1, config.model.width, "model.width");
  check_layers(files.model, "transformer.h", "ln_1.weight", config.model.layers, "model.layers");
  if (!stored.is_ours()) {
    if (const auto rows = reference_vocab_size(stored.reference_run))
      check_extent(files.model, kEmbedding, 0, *rows, "vocab_size");
  }
  if (files.encoder) check_encoder(config.seqpe, *files.encoder);
  return files.model.at(kEmbedding).shape[0];
}

void check_vit_sizes(const Config& config, const WeightFiles& files) {
  const ModelConfig& model = config.model;
  check_extent(files.model, "head.weight", 0, model.classes, "model.classes");
  check_extent(files.model, "head.weight", 1, model.width, "model.width");
  check_extent(files.model, "patch_embed.proj.weight", 3, model.patch, "model.patch");
  check_layers(files.model, "blocks", "norm1.weight", model.layers, "model.layers");
  if (files.encoder) check_encoder(config.seqpe, *files.encoder);
}

}  // namespace seqpe::models
