#include "models/tasks/reference_files.h"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/core/warning.h"
#include "engine/io/file.h"
#include "models/seqpe/seqpe_position.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGpt2File = "config.json";
constexpr const char* kPositionFile = "pe_config.json";

struct Key {
  const char* theirs;
  const char* ours;
  /// Words of theirs and ours where they differ.
  std::vector<std::pair<std::string, std::string>> words = {};
};

const std::vector<Key>& gpt2_keys() {
  static const std::vector<Key> keys{{"activation_function", "model.activation"},
                                     {"n_embd", "model.width"},
                                     {"n_head", "model.heads"},
                                     {"n_layer", "model.layers"},
                                     {"n_positions", "data.block_size"},
                                     {"layer_norm_epsilon", "model.layer_norm_eps"},
                                     {"embd_pdrop", "model.dropout.embedding"},
                                     {"resid_pdrop", "model.dropout.residual"},
                                     {"attn_pdrop", "model.dropout.attention"}};
  return keys;
}

const Key& position_key() {
  static const Key key{
      "PE_TYPE",
      "model.position",
      {{"seq_pe", "seqpe"}, {"vanilla", "learned"}, {"nope", "none"}, {"sin", "sinusoidal"}}};
  return key;
}

const Key& base_key() {
  static const Key key{"SINUSOIDAL_PE_BASE", "model.rotary.base"};
  return key;
}

const std::vector<Key>& seqpe_keys() {
  static const std::vector<Key> keys{
      {"PE_APPLY_METHOD", "seqpe.apply"},
      {"USE_PE_QK_PER_LAYER", "seqpe.qk_projection", {{"null", "none"}, {"multi", "per_layer"}}},
      {"USE_PE_MULTI_HEAD", "seqpe.multi_head"},
      {"SEQPE_SCALAR_SCALE", "seqpe.scalar_scale"},
      {"PE_MAX_POSITION", "seqpe.max_position"},
      {"SEQPE_MAX_DIGITS", "seqpe.max_digits", {{"null", "auto"}}},
      {"PE_EMBED_DIM", "seqpe.encoder.width"},
      {"NUM_ATTENTION_HEADS", "seqpe.encoder.heads"},
      {"SEQPE_LAYER_NUM", "seqpe.encoder.layers"},
      {"SEQPE_ATTN_DIRECTION", "seqpe.encoder.attention", {{"bi", "bidirectional"}}},
      {"SEQPE_MASK_PADDING", "seqpe.encoder.mask_padding"},
      {"SEQPE_LAST_LAYERNORM", "seqpe.encoder.last_layernorm"},
      {"SEQPE_TEMPERATURE", "seqpe.encoder.temperature"},
      {"SEQPE_ACTIVATION_FUNCTION", "seqpe.encoder.activation"},
      {"SEQPE_RESID_PDROP", "seqpe.encoder.dropout.residual"},
      {"SEQPE_ATTN_PDROP", "seqpe.encoder.dropout.attention"},
      {"PE_RANDOM_SHIFT_RATE", "seqpe.shift.rate"},
      {"PE_RANDOM_SHIFT_DOWNSAMPLE", "seqpe.shift.pool"},
      {"PE_MAIN_BATCH_SIZE", "seqpe.shift.blocks"},
      {"SEQPE_DIST_SAMPLE_RANGE", "seqpe.contrastive.local_range"},
      {"SEQPE_CONTRASTIVE_WEIGHT", "seqpe.contrastive.weight"},
      {"SEQPE_CONTRASTIVE_BATCH_SIZE", "seqpe.contrastive.pivots"},
      {"SEQPE_CONTRASTIVE_NUM", "seqpe.contrastive.candidates"},
      {"SEQPE_TRANSFER_WEIGHT", "seqpe.transfer.weight"},
      {"SEQPE_TRANSFER_BATCH_SIZE", "seqpe.transfer.starts"},
      {"SEQPE_TRANSFER_NUM", "seqpe.transfer.indices"},
      {"SEQPE_TRANSFER_METRIC", "seqpe.transfer.metric"},
      {"SEQPE_TRANSFER_BETA", "seqpe.transfer.beta"},
      {"SEQPE_LOGIT_SCALED_LOSS", "seqpe.contrastive.logit_scale"},
      {"SEQPE_LOGIT_SCALED_LOSS", "seqpe.transfer.logit_scale"},
      {"SEQPE_DECAY", "train.encoder_weight_decay"}};
  return keys;
}

/// What this engine always does, and the reference lets be chosen.
constexpr std::pair<const char*, const char*> kSeqpeConstants[] = {
    {"PE_DATA_DIM", "1"},
    {"SEQPE_ADD_OUT_PROJ", "true"},
    {"SEQPE_SCALE_ATTN_WEIGHTS", "true"},
    {"SEQPE_INIT_NORM_WEIGHT", "1.0"}};
constexpr std::pair<const char*, const char*> kGpt2Constants[] = {
    {"model_type", "gpt2"},
    {"scale_attn_weights", "true"},
    {"scale_attn_by_inverse_layer_idx", "false"},
    {"tie_word_embeddings", "true"}};
/// Derived here.
constexpr const char* kOutDim = "PE_OUT_PROJ_DIM";
constexpr const char* kUsesShift = "PE_USE_RANDOM_SHIFT";

const config::Field& field_of(const std::vector<config::Field>& fields, const std::string& key) {
  return *std::find_if(fields.begin(), fields.end(),
                       [&](const config::Field& field) { return field.key == key; });
}

std::string to_theirs(const Key& key, std::string value) {
  for (const auto& [theirs, ours] : key.words) {
    if (value == ours) return theirs;
  }
  return value;
}

std::string to_ours(const Key& key, std::string value) {
  for (const auto& [theirs, ours] : key.words) {
    if (value == theirs) return ours;
  }
  return value;
}

/// YAML reads JSON as well. Throws CheckpointError unless the file holds a map.
YAML::Node read_map(const fs::path& path) {
  const config::Source source{path.string(), io::read_text<CheckpointError>(path)};
  try {
    YAML::Node node = config::parse(source);
    require<ConfigError>(node.IsMap(), "[checkpoint] {} must hold a map of keys.", path.string());
    return node;
  } catch (const ConfigError& error) {
    throw CheckpointError(error.what());
  }
}

bool same_value(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const YAML::Node left(a), right(b);
  double x = 0, y = 0;
  return YAML::convert<double>::decode(left, x) && YAML::convert<double>::decode(right, y) &&
         x == y;
}

/// Reads the keys of one file of the reference into fields.
class Reader {
 public:
  Reader(const fs::path& path, std::vector<config::Field>& fields)
      : path_(path), root_(read_map(path)), fields_(fields) {}

  /// The value of a key as text; nothing if it is absent. One that says what the model computes
  /// must be there: with a default in its place the numbers would be wrong, and nobody would know.
  std::optional<std::string> value(const char* key, bool computes = false) {
    known_.insert(key);
    const YAML::Node node = root_[key];
    require<CheckpointError>(node || !computes, "[checkpoint] {}: there is no {}.", path_.string(),
                             key);
    if (!node) return std::nullopt;
    if (node.IsNull()) return "null";
    require<CheckpointError>(node.IsScalar(), "[checkpoint] {}: {} must be a single value.",
                             path_.string(), key);
    return node.Scalar();
  }

  void copy(const Key& key, bool computes) {
    const auto found = value(key.theirs, computes);
    if (!found) return;
    const std::string ours = to_ours(key, *found);
    require<CheckpointError>(ours != "null" || !computes,
                             "[checkpoint] {}: {} must have a value, got null.", path_.string(),
                             key.theirs);
    if (ours == "null") return;
    try {
      config::set(fmt::format("{}={}", key.ours, ours), fields_,
                  fmt::format("{} in {}", key.theirs, path_.string()));
    } catch (const ConfigError& error) {
      throw CheckpointError(error.what());
    }
  }

  void check(const char* key, const std::string& expected, bool computes = false) {
    const auto found = value(key, computes);
    require<CheckpointError>(!found || same_value(*found, expected),
                             "[checkpoint] {}: {} must be {}, got {}.", path_.string(), key,
                             expected, found.value_or(""));
  }

  void warn_of_others() const {
    std::vector<std::string> others;
    for (const auto& item : root_) {
      const auto name = item.first.as<std::string>("?");
      if (!known_.contains(name)) others.push_back(name);
    }
    std::sort(others.begin(), others.end());
    if (!others.empty())
      warn(fmt::format("[checkpoint] {}: ignored {}.", path_.string(), fmt::join(others, ", ")));
  }

 private:
  fs::path path_;
  YAML::Node root_;
  std::vector<config::Field>& fields_;
  std::set<std::string> known_;
};

/// All of pe_config.json but the kind of positions, which was read.
void read_position(Reader& file, Config& config) {
  const std::string position = config.model.position;
  const bool is_seqpe = config.model.is_seqpe();
  describes_model(base_key().ours, position) ? file.copy(base_key(), false)
                                             : void(file.value(base_key().theirs));
  for (const auto& [key, expected] : kSeqpeConstants) file.check(key, expected, is_seqpe);
  for (const Key& key : seqpe_keys()) {
    // The number of digits must fit the positions, or follows from them.
    const bool computes =
        describes_model(key.ours, position) || key.ours == std::string_view("seqpe.max_position");
    is_seqpe ? file.copy(key, computes) : void(file.value(key.theirs));
  }
  const auto shifts = file.value(kUsesShift), out_dim = file.value(kOutDim);
  if (shifts == "false") config.seqpe.shift.rate = 0.0;
  if (is_seqpe && out_dim && *out_dim != "null") {
    file.check(kOutDim,
               std::to_string(seqpe_out_dim(config.seqpe, config.model.width, config.model.heads)));
  }
  file.warn_of_others();
}

/// Throws CheckpointError where the values of a run do not fit together. Its lengths are left out:
/// whoever evaluates may ask for others.
void validate(Config config, const fs::path& run) {
  config.eval.lengths = {1};
  try {
    validate_model(config);
  } catch (const ConfigError& error) {
    throw CheckpointError(fmt::format("{} Read from {} and {}.", error.what(),
                                      (run / kGpt2File).string(), (run / kPositionFile).string()));
  }
}

}  // namespace

std::string gpt2_config_text(const Config& config, std::int64_t vocab_size) {
  Config copy = config;
  const auto fields = fields_of(copy);
  nlohmann::ordered_json out = {{"model_type", "gpt2"}, {"architectures", {"GPT2LMHeadModel"}}};
  for (const Key& key : gpt2_keys()) {
    const std::string value = field_of(fields, key.ours).get();
    const auto number = nlohmann::json::parse(value, nullptr, false);
    out[key.theirs] =
        number.is_discarded() ? nlohmann::ordered_json(value) : nlohmann::ordered_json(number);
  }
  out["n_ctx"] = config.data.block_size;
  out["vocab_size"] = vocab_size;
  return out.dump(2) + "\n";
}

std::string pe_config_text(const Config& config) {
  Config copy = config;
  const auto fields = fields_of(copy);
  std::string out, last;
  const auto line = [&](const std::string& key, const std::string& value) {
    if (key != last) out += fmt::format("{}: {}\n", key, value);
    last = key;
  };
  const auto write = [&](const Key& key) {
    line(key.theirs, to_theirs(key, field_of(fields, key.ours).get()));
  };
  write(position_key());
  if (describes_model(base_key().ours, config.model.position)) write(base_key());
  if (!config.model.is_seqpe()) return out;
  for (const Key& key : seqpe_keys()) write(key);
  for (const auto& [key, value] : kSeqpeConstants) line(key, value);
  line(kOutDim,
       std::to_string(seqpe_out_dim(config.seqpe, config.model.width, config.model.heads)));
  line(kUsesShift, config.seqpe.shift.rate > 0 ? "true" : "false");
  return out;
}

Config read_reference_config(const fs::path& run) {
  Config config;
  auto fields = fields_of(config);
  Reader gpt(run / kGpt2File, fields), position(run / kPositionFile, fields);
  position.copy(position_key(), true);
  for (const auto& [key, expected] : kGpt2Constants) gpt.check(key, expected);
  for (const Key& key : gpt2_keys())
    gpt.copy(key, describes_model(key.ours, config.model.position));
  read_position(position, config);
  // A learned table has n_positions rows; other models say with what length they were trained.
  if (fs::exists(run / "train_args.json") &&
      !describes_model("data.block_size", config.model.position))
    Reader(run / "train_args.json", fields).copy({"block_size", "data.block_size"}, false);
  validate(config, run);
  return config;
}

std::optional<std::int64_t> reference_vocab_size(const fs::path& run) {
  const fs::path path = run / kGpt2File;
  const YAML::Node node = read_map(path)["vocab_size"];
  if (!node) return std::nullopt;
  std::int64_t size = 0;
  require<CheckpointError>(YAML::convert<std::int64_t>::decode(node, size),
                           "[checkpoint] {}: vocab_size must be a whole number, got '{}'.",
                           path.string(), node.IsScalar() ? node.Scalar() : "a list or map");
  return size;
}

}  // namespace seqpe::models
