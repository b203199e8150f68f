// A language model on disk: the reference's file and parameter names, in our checkpoints and in its
// own run folders.
#include <nlohmann/json.hpp>

#include <yaml-cpp/yaml.h>
#include <algorithm>
#include <map>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/train/checkpoint.h"
#include "models/tasks/language_model.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEncoderPrefix = "encoder.";
constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kEncoderFile = "model_1.safetensors";
constexpr const char* kConfigFile = "config.yaml";

std::vector<std::pair<std::string, Tensor>> named(const std::vector<nn::Parameter>& parameters,
                                                  std::string_view prefix) {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const auto& parameter : parameters)
    out.emplace_back(parameter.name.substr(prefix.size()), parameter.value);
  return out;
}

nlohmann::ordered_json gpt2_config(const LanguageModel& model) {
  const ModelConfig& config = model.config().model;
  return {{"model_type", "gpt2"},
          {"architectures", {"GPT2LMHeadModel"}},
          {"activation_function", config.activation == ActivationName::gelu ? "gelu" : "gelu_new"},
          {"n_embd", config.width},
          {"n_head", config.heads},
          {"n_layer", config.layers},
          {"n_positions", model.config().data.block_size},
          {"n_ctx", model.config().data.block_size},
          {"layer_norm_epsilon", config.layer_norm_eps},
          {"embd_pdrop", config.dropout.embedding},
          {"resid_pdrop", config.dropout.residual},
          {"attn_pdrop", config.dropout.attention},
          {"vocab_size", model.tokenizer().vocab_size()}};
}

std::string pe_config(const LanguageModel& model) {
  const SeqpeOptions& seqpe = model.config().seqpe;
  const auto yes = [](bool value) { return value ? "true" : "false"; };
  static constexpr const char* kApply[] = {"input_add", "attn_add", "attn_mul", "attn_scalar"};
  static constexpr const char* kProjection[] = {"null", "single", "multi"};
  if (model.seqpe() == nullptr) {
    return fmt::format("PE_TYPE: {}\n",
                       model.config().model.position == PositionKind::learned ? "vanilla" : "nope");
  }
  std::string out = "PE_TYPE: seq_pe\nPE_DATA_DIM: 1\n";
  const auto line = [&](const char* key, const auto& value) {
    out += fmt::format("{}: {}\n", key, value);
  };
  line("PE_APPLY_METHOD", kApply[static_cast<std::size_t>(seqpe.apply)]);
  line("USE_PE_QK_PER_LAYER", kProjection[static_cast<std::size_t>(seqpe.qk_projection)]);
  line("USE_PE_MULTI_HEAD", yes(seqpe.multi_head));
  line("SEQPE_SCALAR_SCALE", seqpe.scalar_scale);
  line("PE_MAX_POSITION", seqpe.max_position);
  line("SEQPE_MAX_DIGITS", seqpe.max_digits);
  line("PE_EMBED_DIM", seqpe.encoder.width);
  line("NUM_ATTENTION_HEADS", seqpe.encoder.heads);
  line("SEQPE_LAYER_NUM", seqpe.encoder.layers);
  line("SEQPE_ATTN_DIRECTION",
       seqpe.encoder.attention == AttentionDirection::causal ? "causal" : "bi");
  line("SEQPE_MASK_PADDING", yes(seqpe.encoder.mask_padding));
  line("SEQPE_LAST_LAYERNORM", yes(seqpe.encoder.last_layernorm));
  line("SEQPE_TEMPERATURE", seqpe.encoder.temperature);
  line("SEQPE_ACTIVATION_FUNCTION",
       seqpe.encoder.activation == ActivationName::gelu ? "gelu" : "gelu_new");
  line("SEQPE_RESID_PDROP", seqpe.encoder.dropout.residual);
  line("SEQPE_ATTN_PDROP", seqpe.encoder.dropout.attention);
  line("PE_OUT_PROJ_DIM", model.seqpe()->encoder().out_dim());
  line("PE_USE_RANDOM_SHIFT", yes(seqpe.shift.rate > 0));
  line("PE_RANDOM_SHIFT_RATE", seqpe.shift.rate);
  line("PE_RANDOM_SHIFT_DOWNSAMPLE", seqpe.shift.pool);
  line("PE_MAIN_BATCH_SIZE", seqpe.shift.blocks);
  line("SEQPE_DIST_SAMPLE_RANGE", seqpe.contrastive.local_range);
  line("SEQPE_CONTRASTIVE_WEIGHT", seqpe.contrastive.weight);
  line("SEQPE_CONTRASTIVE_BATCH_SIZE", seqpe.contrastive.pivots);
  line("SEQPE_CONTRASTIVE_NUM", seqpe.contrastive.candidates);
  line("SEQPE_TRANSFER_WEIGHT", seqpe.transfer.weight);
  line("SEQPE_TRANSFER_BATCH_SIZE", seqpe.transfer.starts);
  line("SEQPE_TRANSFER_NUM", seqpe.transfer.indices);
  line("SEQPE_TRANSFER_METRIC", seqpe.transfer.metric == TransferMetric::mse ? "mse" : "kl_div");
  line("SEQPE_TRANSFER_BETA", seqpe.transfer.beta);
  line("SEQPE_LOGIT_SCALED_LOSS", seqpe.contrastive.logit_scale);
  line("SEQPE_DECAY", model.config().train.encoder_weight_decay);
  out += "SEQPE_ADD_OUT_PROJ: true\nSEQPE_SCALE_ATTN_WEIGHTS: true\nSEQPE_INIT_NORM_WEIGHT: 1.0\n";
  return out;
}

void read_into(const std::vector<std::pair<std::string, Tensor>>& parameters,
               const fs::path& path) {
  const auto file = io::SafetensorsFile::open(path);
  for (const auto& [name, tensor] : parameters) {
    const auto& entry = file.at(name);
    require<CheckpointError>(entry.shape == tensor.shape(),
                             "[checkpoint] {}: '{}' must have shape {}, has {}.", path.string(),
                             name, to_string(tensor.shape()), to_string(entry.shape));
    tensor.copy_from(file.tensor(name).to(tensor.dtype()));
  }
  for (const auto& entry : file.entries()) {
    const bool known =
        std::any_of(parameters.begin(), parameters.end(),
                    [&](const auto& parameter) { return parameter.first == entry.name; });
    require<CheckpointError>(
        known || entry.name == "lm_head.weight",
        "[checkpoint] {}: the model has no parameter '{}'. Hint: is it of another model?",
        path.string(), entry.name);
  }
}

/// The reference's configuration as overrides "key=value" of ours.
Config reference_config(const fs::path& run) {
  const auto gpt =
      nlohmann::json::parse(io::read_text<CheckpointError>(run / "config.json"), nullptr, false);
  require<CheckpointError>(gpt.is_object(), "[checkpoint] {}: must be a JSON object.",
                           (run / "config.json").string());
  YAML::Node pe;
  try {
    pe = YAML::Load(io::read_text<CheckpointError>(run / "pe_config.json"));
  } catch (const YAML::Exception& error) {
    throw CheckpointError(
        fmt::format("[checkpoint] {}: {}.", (run / "pe_config.json").string(), error.what()));
  }
  std::vector<std::string> overrides;
  const auto copy_json = [&](const char* key, const char* ours) {
    if (gpt.contains(key))
      overrides.push_back(fmt::format(
          "{}={}", ours,
          gpt.at(key).is_string() ? gpt.at(key).get<std::string>() : gpt.at(key).dump()));
  };
  copy_json("n_layer", "model.layers");
  copy_json("n_embd", "model.width");
  copy_json("n_head", "model.heads");
  copy_json("activation_function", "model.activation");
  copy_json("layer_norm_epsilon", "model.layer_norm_eps");
  const auto value = [&](const char* key) {
    return pe[key] ? pe[key].as<std::string>() : std::string();
  };
  const auto copy = [&](const char* key, const char* ours) {
    if (pe[key] && !pe[key].IsNull()) overrides.push_back(fmt::format("{}={}", ours, value(key)));
  };
  const std::string type = value("PE_TYPE");
  const std::map<std::string, std::string> kinds{
      {"seq_pe", "seqpe"}, {"vanilla", "learned"}, {"nope", "none"}};
  require<CheckpointError>(kinds.contains(type),
                           "[checkpoint] {}: PE_TYPE must be seq_pe, vanilla or nope, got '{}'.",
                           (run / "pe_config.json").string(), type);
  overrides.push_back("model.position=" + kinds.at(type));
  if (type == "vanilla") copy_json("n_positions", "data.block_size");
  copy("PE_APPLY_METHOD", "seqpe.apply");
  const std::string projection = pe["USE_PE_QK_PER_LAYER"] && !pe["USE_PE_QK_PER_LAYER"].IsNull()
                                     ? value("USE_PE_QK_PER_LAYER")
                                     : "none";
  overrides.push_back("seqpe.qk_projection=" + (projection == "multi" ? "per_layer" : projection));
  copy("USE_PE_MULTI_HEAD", "seqpe.multi_head");
  copy("SEQPE_SCALAR_SCALE", "seqpe.scalar_scale");
  copy("PE_MAX_POSITION", "seqpe.max_position");
  copy("SEQPE_MAX_DIGITS", "seqpe.max_digits");
  copy("PE_EMBED_DIM", "seqpe.encoder.width");
  copy("NUM_ATTENTION_HEADS", "seqpe.encoder.heads");
  copy("SEQPE_LAYER_NUM", "seqpe.encoder.layers");
  if (pe["SEQPE_ATTN_DIRECTION"]) {
    overrides.push_back(std::string("seqpe.encoder.attention=") +
                        (value("SEQPE_ATTN_DIRECTION") == "bi" ? "bidirectional" : "causal"));
  }
  copy("SEQPE_MASK_PADDING", "seqpe.encoder.mask_padding");
  copy("SEQPE_LAST_LAYERNORM", "seqpe.encoder.last_layernorm");
  copy("SEQPE_TEMPERATURE", "seqpe.encoder.temperature");
  copy("SEQPE_ACTIVATION_FUNCTION", "seqpe.encoder.activation");
  if (type != "vanilla") overrides.push_back("data.block_size=1");
  Config config = load_config({}, overrides);
  if (fs::exists(run / "train_args.json")) {
    const auto train = nlohmann::json::parse(
        io::read_text<CheckpointError>(run / "train_args.json"), nullptr, false);
    if (train.is_object() && type != "vanilla")
      config.data.block_size = train.value("block_size", std::int64_t{512});
  }
  return config;
}

struct Location {
  fs::path weights;  // the folder of the weight files
  fs::path run;      // the folder of config.json and pe_config.json, for a run of the reference
  bool ours = false;
};

Location locate(const fs::path& path) {
  require<CheckpointError>(fs::is_directory(path), "[checkpoint] {} must be a folder.",
                           path.string());
  if (fs::is_directory(path / "checkpoints")) {
    auto found = train::linked_checkpoint(path, "best");
    if (!found) found = train::linked_checkpoint(path, "latest");
    require<CheckpointError>(
        found.has_value(), "[checkpoint] the run {} holds no complete checkpoint.", path.string());
    return {*found, {}, true};
  }
  if (fs::exists(path / kConfigFile) && fs::exists(path / kModelFile)) return {path, {}, true};
  if (fs::exists(path / "best_model" / kModelFile)) return {path / "best_model", path, false};
  const fs::path parent = fs::absolute(path).parent_path();
  if (fs::exists(path / kModelFile))
    return {path, fs::exists(path / "pe_config.json") ? path : parent, false};
  throw CheckpointError(
      fmt::format("[checkpoint] {} must be a checkpoint (with model.safetensors), a run folder, or "
                  "a run of the "
                  "reference (with best_model/).",
                  path.string()));
}

}  // namespace

void save_language_model(const LanguageModel& model, const fs::path& directory) {
  io::write_safetensors(directory / kModelFile, named(model.gpt().parameters(), ""),
                        {{"format", "pt"}});
  if (model.seqpe() != nullptr) {
    io::write_safetensors(directory / kEncoderFile,
                          named(model.seqpe()->encoder().parameters(), kEncoderPrefix),
                          {{"format", "pt"}});
  }
  io::write_file_atomic(directory / "config.json", gpt2_config(model).dump(2) + "\n");
  io::write_file_atomic(directory / "pe_config.json", pe_config(model));
  Config config = model.config();
  io::write_file_atomic(directory / kConfigFile, config::dump(fields_of(config)));
  model.tokenizer().save(directory);
}

void load_weights(const LanguageModel& model, const fs::path& directory) {
  read_into(named(model.gpt().parameters(), ""), directory / kModelFile);
  if (model.seqpe() == nullptr) return;
  read_into(named(model.seqpe()->encoder().parameters(), kEncoderPrefix), directory / kEncoderFile);
}

std::string weights_sha256(const fs::path& path) {
  const fs::path weights = locate(path).weights;
  std::vector<std::byte> all;
  for (const char* name : {kModelFile, kEncoderFile}) {
    if (!fs::exists(weights / name)) continue;
    const auto bytes = io::read_file<CheckpointError>(weights / name);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return io::sha256(all.data(), all.size());
}

std::unique_ptr<LanguageModel> open_language_model(const fs::path& path,
                                                   const std::optional<std::string>& tokenizer,
                                                   const std::vector<std::string>& overrides) {
  const Location location = locate(path);
  Config config;
  if (location.ours) {
    if (fs::exists(location.weights / "COMPLETE")) train::verify_checkpoint(location.weights);
    config = load_config({(location.weights / kConfigFile).string()}, overrides);
  } else {
    config = reference_config(location.run);
    auto fields = fields_of(config);
    for (const std::string& assignment : overrides) config::set(assignment, fields);
    validate(config);
  }
  std::shared_ptr<const data::Tokenizer> loaded =
      data::load_tokenizer(tokenizer.value_or(location.weights.string()));
  const auto weights = io::SafetensorsFile::open(location.weights / kModelFile);
  const auto& embedding = weights.at("transformer.wte.weight");
  require<DataError>(
      !embedding.shape.empty() && embedding.shape[0] == loaded->vocab_size(),
      "[checkpoint] the tokeniser must have the model's vocabulary of {} tokens, has {}.",
      embedding.shape.empty() ? 0 : embedding.shape[0], loaded->vocab_size());
  auto model = std::make_unique<LanguageModel>(config, std::move(loaded));
  load_weights(*model, location.weights);
  return model;
}

}  // namespace seqpe::models
