// The reference's configuration files: every key is read, what we write reads back.
#include "models/tasks/reference_files.h"

#include <nlohmann/json.hpp>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::models {
namespace {

using test::TemporaryDirectory;

constexpr const char* kGpt2 = R"({"model_type": "gpt2", "n_layer": 3, "n_embd": 24, "n_head": 4,
  "n_positions": 77, "activation_function": "gelu", "layer_norm_epsilon": 1e-6, "embd_pdrop": 0.1,
  "resid_pdrop": 0.2, "attn_pdrop": 0.3})";

/// What says what a SeqPE model computes, a line a key.
constexpr const char* kSeqpe =
    "PE_TYPE: seq_pe\nPE_APPLY_METHOD: attn_scalar\nUSE_PE_QK_PER_LAYER: single\n"
    "USE_PE_MULTI_HEAD: true\nSEQPE_SCALAR_SCALE: 1.0\nPE_MAX_POSITION: 20000\n"
    "SEQPE_MAX_DIGITS: 5\nPE_EMBED_DIM: 24\nNUM_ATTENTION_HEADS: 4\nSEQPE_LAYER_NUM: 2\n"
    "SEQPE_ATTN_DIRECTION: causal\nSEQPE_MASK_PADDING: false\nSEQPE_LAST_LAYERNORM: true\n"
    "SEQPE_TEMPERATURE: 1.0\nSEQPE_ACTIVATION_FUNCTION: gelu_new\nPE_DATA_DIM: 1\n"
    "SEQPE_ADD_OUT_PROJ: true\nSEQPE_SCALE_ATTN_WEIGHTS: true\nSEQPE_INIT_NORM_WEIGHT: 1.0\n";

std::string key_of(const std::string& line) {
  return line.substr(0, line.find(':'));
}

/// kSeqpe without the key of `line`.
std::string without(const std::string& line) {
  std::istringstream lines(kSeqpe);
  std::string out;
  for (std::string next; std::getline(lines, next);) {
    if (key_of(next) != key_of(line)) out += next + "\n";
  }
  return out;
}

/// kSeqpe with `line` in the place of its key.
std::string with(const std::string& line) {
  return without(line) + line + "\n";
}

std::string value_of(Config& config, const std::string& key) {
  for (const auto& field : fields_of(config)) {
    if (field.key == key) return field.get();
  }
  return "no such key";
}

void write_run(const TemporaryDirectory& run, const std::string& pe_config) {
  run.write("config.json", kGpt2);
  run.write("pe_config.json", pe_config);
}

TEST(ReferenceFiles, EveryKeyIsRead) {
  struct Case {
    const char *line, *key, *value;
  };
  const Case cases[] = {{"PE_APPLY_METHOD: attn_mul", "seqpe.apply", "attn_mul"},
                        {"USE_PE_QK_PER_LAYER: multi", "seqpe.qk_projection", "per_layer"},
                        {"USE_PE_QK_PER_LAYER: null", "seqpe.qk_projection", "none"},
                        {"USE_PE_MULTI_HEAD: false", "seqpe.multi_head", "false"},
                        {"SEQPE_SCALAR_SCALE: 2.5", "seqpe.scalar_scale", "2.5"},
                        {"PE_MAX_POSITION: 3000", "seqpe.max_position", "3000"},
                        {"SEQPE_MAX_DIGITS: 6", "seqpe.max_digits", "6"},
                        {"PE_EMBED_DIM: 40", "seqpe.encoder.width", "40"},
                        {"NUM_ATTENTION_HEADS: 2", "seqpe.encoder.heads", "2"},
                        {"SEQPE_LAYER_NUM: 3", "seqpe.encoder.layers", "3"},
                        {"SEQPE_ATTN_DIRECTION: bi", "seqpe.encoder.attention", "bidirectional"},
                        {"SEQPE_MASK_PADDING: true", "seqpe.encoder.mask_padding", "true"},
                        {"SEQPE_LAST_LAYERNORM: false", "seqpe.encoder.last_layernorm", "false"},
                        {"SEQPE_TEMPERATURE: 0.5", "seqpe.encoder.temperature", "0.5"},
                        {"SEQPE_ACTIVATION_FUNCTION: gelu", "seqpe.encoder.activation", "gelu"},
                        {"SEQPE_RESID_PDROP: 0.25", "seqpe.encoder.dropout.residual", "0.25"},
                        {"SEQPE_ATTN_PDROP: 0.125", "seqpe.encoder.dropout.attention", "0.125"},
                        {"PE_RANDOM_SHIFT_RATE: 0.75", "seqpe.shift.rate", "0.75"},
                        {"PE_USE_RANDOM_SHIFT: false", "seqpe.shift.rate", "0"},
                        {"PE_RANDOM_SHIFT_DOWNSAMPLE: 99", "seqpe.shift.pool", "99"},
                        {"PE_MAIN_BATCH_SIZE: 5", "seqpe.shift.blocks", "5"},
                        {"SEQPE_DIST_SAMPLE_RANGE: 55", "seqpe.contrastive.local_range", "55"},
                        {"SEQPE_CONTRASTIVE_WEIGHT: 0.3", "seqpe.contrastive.weight", "0.3"},
                        {"SEQPE_CONTRASTIVE_BATCH_SIZE: 6", "seqpe.contrastive.pivots", "6"},
                        {"SEQPE_CONTRASTIVE_NUM: 7", "seqpe.contrastive.candidates", "7"},
                        {"SEQPE_TRANSFER_WEIGHT: 0.4", "seqpe.transfer.weight", "0.4"},
                        {"SEQPE_TRANSFER_BATCH_SIZE: 9", "seqpe.transfer.starts", "9"},
                        {"SEQPE_TRANSFER_NUM: 11", "seqpe.transfer.indices", "11"},
                        {"SEQPE_TRANSFER_METRIC: mse", "seqpe.transfer.metric", "mse"},
                        {"SEQPE_TRANSFER_BETA: 0.8", "seqpe.transfer.beta", "0.8"},
                        {"SEQPE_LOGIT_SCALED_LOSS: 0.7", "seqpe.contrastive.logit_scale", "0.7"},
                        {"SEQPE_LOGIT_SCALED_LOSS: 0.7", "seqpe.transfer.logit_scale", "0.7"},
                        {"SEQPE_DECAY: 0.05", "train.encoder_weight_decay", "0.05"}};
  for (const auto& [line, key, value] : cases) {
    const TemporaryDirectory run;
    write_run(run, with(line));
    Config config = read_reference_config(run.path());
    EXPECT_EQ(value_of(config, key), value) << line;
  }
}

TEST(ReferenceFiles, Gpt2KeysAndTheTrainedLengthAreRead) {
  const TemporaryDirectory run;
  write_run(run, "PE_TYPE: nope\n");
  run.write("train_args.json", R"({"block_size": 32, "anything": {"else": [1]}})");
  Config config = read_reference_config(run.path());
  const std::pair<const char*, const char*> expected[] = {{"model.layers", "3"},
                                                          {"model.width", "24"},
                                                          {"model.heads", "4"},
                                                          {"model.activation", "gelu"},
                                                          {"model.position", "none"},
                                                          {"model.layer_norm_eps", "1e-06"},
                                                          {"data.block_size", "32"},
                                                          {"model.dropout.embedding", "0.1"},
                                                          {"model.dropout.residual", "0.2"},
                                                          {"model.dropout.attention", "0.3"}};
  for (const auto& [key, value] : expected) EXPECT_EQ(value_of(config, key), value) << key;
  run.write("pe_config.json", "PE_TYPE: vanilla\n");
  Config learned = read_reference_config(run.path());
  EXPECT_EQ(value_of(learned, "data.block_size"), "77") << "the rows of the table";
}

TEST(ReferenceFiles, WhatWeWriteReadsBack) {
  Config config;
  // No key at its default.
  config.model = {.layers = 2,
                  .width = 16,
                  .heads = 4,
                  .activation = ActivationName::gelu,
                  .layer_norm_eps = 1e-6};
  config.seqpe.apply = Apply::attn_mul;
  config.seqpe.qk_projection = QkProjection::per_layer;
  config.seqpe.multi_head = false;
  config.seqpe.scalar_scale = 2.5;
  config.seqpe.max_position = 3000;
  config.seqpe.max_digits = 7;
  config.seqpe.encoder = {.width = 12,
                          .heads = 3,
                          .layers = 3,
                          .attention = AttentionDirection::bidirectional,
                          .mask_padding = true,
                          .last_layernorm = false,
                          .temperature = 0.5,
                          .activation = ActivationName::gelu};
  config.seqpe.contrastive.logit_scale = config.seqpe.transfer.logit_scale = 0.3;
  config.train.groups.at("encoder").weight_decay = 0.125;
  for (const std::string& kind : position_names()) {
    if (!position_kind(kind).can.text) continue;
    config.model.position = kind;
    const TemporaryDirectory run;
    run.write("config.json", gpt2_config_text(config, 256));
    run.write("pe_config.json", pe_config_text(config));
    testing::internal::CaptureStderr();
    Config read = read_reference_config(run.path());
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "no key of ours is unknown";
    for (const auto& field : fields_of(config)) {
      if (describes_model(field.key, kind) || field.key == "train.encoder_weight_decay") {
        if (field.key == "train.encoder_weight_decay" && kind != "seqpe") continue;
        EXPECT_EQ(value_of(read, field.key), field.get()) << field.key;
      }
    }
  }
}

TEST(ReferenceFiles, UnknownKeysGiveOneWarning) {
  const TemporaryDirectory run;
  write_run(run, with("MODEL: {a: [1]}\nZ_NEW: 1\nA_NEW: 2\nSINUSOIDAL_PE_BASE: 10000"));
  testing::internal::CaptureStderr();
  read_reference_config(run.path());
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_NE(warning.find("ignored A_NEW, MODEL, Z_NEW.\n"), std::string::npos) << warning;
  EXPECT_EQ(std::count(warning.begin(), warning.end(), '\n'), 1);
}

TEST(ReferenceFiles, MalformedFilesAreRefusedByFileAndKey) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "must hold a map"},
      {"[1, 2]", "must hold a map"},
      {"PE_TYPE: [", "pe_config.json"},
      {"A: 1", "there is no PE_TYPE"},
      {"PE_TYPE: spiral", "got \"spiral\" (PE_TYPE in "},
      {"PE_TYPE: {a: 1}", "PE_TYPE must be a single value"},
      {with("SEQPE_ADD_OUT_PROJ: false"), "SEQPE_ADD_OUT_PROJ must be true, got false"},
      {with("SEQPE_INIT_NORM_WEIGHT: 2"), "SEQPE_INIT_NORM_WEIGHT must be 1.0, got 2"},
      {with("PE_DATA_DIM: 2"), "PE_DATA_DIM must be 1, got 2"},
      {with("PE_OUT_PROJ_DIM: 5"), "PE_OUT_PROJ_DIM must be 24, got 5"},
      {with("SEQPE_LAYER_NUM: two"), "SEQPE_LAYER_NUM in "},
      {with("SEQPE_SCALAR_SCALE: null"), "SEQPE_SCALAR_SCALE must have a value, got null"},
      {with("SEQPE_MAX_DIGITS: 4"), "must be at least 5 for seqpe.max_position 20000"},
      {with("NUM_ATTENTION_HEADS: 5"), "must divide seqpe.encoder.width 24, got 5. Read from "}};
  for (const auto& [text, message] : cases) {
    const TemporaryDirectory run;
    write_run(run, text);
    test::expect_error_with<CheckpointError>([&] { read_reference_config(run.path()); }, message);
  }
}

TEST(ReferenceFiles, NoKeyThatSaysWhatIsComputedHasADefault) {
  std::istringstream lines(kSeqpe);
  for (std::string line; std::getline(lines, line);) {
    const TemporaryDirectory run;
    write_run(run, without(line));
    test::expect_error<CheckpointError>(
        [&] { read_reference_config(run.path()); },
        fmt::format("[checkpoint] {}/pe_config.json: there is no {}.", run.path().string(),
                    key_of(line)));
  }
  for (const char* key :
       {"activation_function", "n_embd", "n_head", "n_layer", "layer_norm_epsilon"}) {
    const TemporaryDirectory run;
    write_run(run, kSeqpe);
    auto gpt2 = nlohmann::json::parse(kGpt2);
    gpt2.erase(key);
    run.write("config.json", gpt2.dump());
    test::expect_error_with<CheckpointError>([&] { read_reference_config(run.path()); },
                                             fmt::format("config.json: there is no {}.", key));
  }
}

TEST(ReferenceFiles, WhatOnlyTrainingNeedsMayBeMissing) {
  const TemporaryDirectory run;
  write_run(run, with("SEQPE_MAX_DIGITS: null"));
  auto gpt2 = nlohmann::json::parse(kGpt2);
  for (const char* key : {"embd_pdrop", "n_positions"}) gpt2.erase(key);
  run.write("config.json", gpt2.dump());
  Config config = read_reference_config(run.path());
  EXPECT_EQ(value_of(config, "seqpe.max_digits"), "auto") << "as many as the positions need";
  run.write("pe_config.json", "PE_TYPE: vanilla\n");
  test::expect_error_with<CheckpointError>([&] { read_reference_config(run.path()); },
                                           "there is no n_positions");
}

}  // namespace
}  // namespace seqpe::models
