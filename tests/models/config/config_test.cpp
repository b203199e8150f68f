#include "models/config/config.h"

#include <gtest/gtest.h>

#include <set>

#include "models/recipes/recipes.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::models {
namespace {

void expect_refused(const std::vector<std::string>& overrides, const std::string& message) {
  test::expect_error<ConfigError>([&] { load_config({}, overrides); }, message);
}

TEST(Config, SchemaHasEveryKeyOnceWithItsMeaning) {
  Config config;
  std::set<std::string> keys;
  for (const auto& field : fields_of(config)) {
    EXPECT_TRUE(keys.insert(field.key).second) << field.key;
    EXPECT_FALSE(field.doc.empty()) << field.key;
  }
}

/// Sets the field to some value that it takes and that is not its present one.
void change(const config::Field& field) {
  std::vector<std::string> values{"7",      "3",           "0.25",      "true", "false", "word",
                                  "[3, 4]", "[0.5, 0.25]", "[learned]", "0.75", "1"};
  if (field.type.starts_with("one of "))
    values = {field.type.substr(field.type.rfind(' ') + 1),
              field.type.substr(7, field.type.find(',') - 7)};
  const std::string before = field.get();
  std::vector<config::Field> alone{field};
  for (const std::string& value : values) {
    try {
      config::set(field.key + "=" + value, alone);
    } catch (const ConfigError&) {
      continue;  // of another type
    }
    if (field.get() != before) return;
  }
  ADD_FAILURE() << "no other value for " << field.key << ", which is a " << field.type;
}

TEST(Config, EveryKeyIsBoundToAVariableOfItsOwn) {
  Config untouched;
  const auto defaults = fields_of(untouched);
  for (std::size_t key = 0; key < defaults.size(); ++key) {
    Config config;
    const auto fields = fields_of(config);
    change(fields[key]);
    for (std::size_t other = 0; other < fields.size(); ++other) {
      EXPECT_EQ(fields[other].get() != defaults[other].get(), other == key)
          << fields[key].key << " was set, " << fields[other].key << " looked at";
    }
  }
}

/// What each key decides; a new key fails until it is written here.
const std::set<std::string> kOfEveryModel{
    "model.layers",         "model.width", "model.heads", "model.activation", "model.position",
    "model.layer_norm_eps", "task",        "model.image", "model.patch",      "model.classes"},
    kOfSeqpeModels{"seqpe.apply",
                   "seqpe.qk_projection",
                   "seqpe.multi_head",
                   "seqpe.scalar_scale",
                   "seqpe.base",
                   "seqpe.max_digits",
                   "seqpe.encoder.width",
                   "seqpe.encoder.heads",
                   "seqpe.encoder.layers",
                   "seqpe.encoder.attention",
                   "seqpe.encoder.mask_padding",
                   "seqpe.encoder.last_layernorm",
                   "seqpe.encoder.temperature",
                   "seqpe.encoder.activation"},
    kOfLearnedModels{"data.block_size"}, kOfWaves{"model.rotary.base"},
    kOfMixedRotary{"model.rotary.layout"}, kOfInterpolated{"model.interpolate"},
    kOfData{"train.batch_size", "data.path",   "data.block_size",       "data.reader",
            "data.blank_lines", "data.shards", "data.reference_blocks", "data.bad_image"},
    // The tokeniser is compared itself, token by token; the seed by the loop.
    kOfNeither{"model.drop_path",
               "data.workers",
               "data.augment.crop_scale",
               "data.augment.crop_ratio",
               "data.augment.pad",
               "data.augment.flip",
               "data.augment.color_jitter",
               "data.augment.randaugment.operations",
               "data.augment.randaugment.magnitude",
               "data.augment.randaugment.std",
               "data.augment.randaugment.probability",
               "data.augment.erasing",
               "data.augment.mixup",
               "data.augment.cutmix",
               "data.augment.switch",
               "data.augment.label_smoothing",
               "eval.sizes",
               "model.dropout.embedding",
               "model.dropout.residual",
               "model.dropout.attention",
               "seqpe.max_position",
               "seqpe.encoder.dropout.residual",
               "seqpe.encoder.dropout.attention",
               "seqpe.shift.rate",
               "seqpe.shift.pool",
               "seqpe.shift.blocks",
               "seqpe.contrastive.weight",
               "seqpe.contrastive.pivots",
               "seqpe.contrastive.candidates",
               "seqpe.contrastive.mixture",
               "seqpe.contrastive.local_range",
               "seqpe.contrastive.per_head",
               "seqpe.contrastive.logit_scale",
               "seqpe.transfer.weight",
               "seqpe.transfer.starts",
               "seqpe.transfer.indices",
               "seqpe.transfer.metric",
               "seqpe.transfer.beta",
               "seqpe.transfer.per_head",
               "seqpe.transfer.logit_scale",
               "seqpe.loss_warmup_steps",
               "train.steps",
               "train.micro_batch_size",
               "train.learning_rate",
               "train.encoder_learning_rate",
               "train.min_learning_rate",
               "train.warmup_steps",
               "train.warmup_from",
               "train.schedule",
               "train.schedule_as_timm",
               "train.betas",
               "train.eps",
               "train.weight_decay",
               "train.encoder_weight_decay",
               "train.clip",
               "train.encoder_clip",
               "train.precision",
               "train.device",
               "train.cuda_graphs",
               "train.pin",
               "train.threads",
               "train.seed",
               "train.eval_every",
               "kernels.attention",
               "data.valid_path",
               "data.tokenizer",
               "eval.lengths",
               "eval.stride",
               "eval.start",
               "eval.max_lines",
               "checkpoint.every",
               "checkpoint.keep_last",
               "checkpoint.keep_every",
               "log.every",
               "dist.deterministic",
               "dist.shards",
               "dist.zero",
               "dist.bucket_mb",
               "dist.wire",
               "dist.timeout",
               "compare"};

TEST(Config, EveryKeyIsOfTheModelOfItsDataOrOfNeither) {
  Config config;
  for (const auto& [key, type, doc, get, set] : fields_of(config)) {
    SCOPED_TRACE(key);
    const bool every = kOfEveryModel.contains(key), seqpe = kOfSeqpeModels.contains(key),
               learned = kOfLearnedModels.contains(key), waves = kOfWaves.contains(key),
               mixed = kOfMixedRotary.contains(key), resized = kOfInterpolated.contains(key),
               data = kOfData.contains(key);
    EXPECT_NE(every || seqpe || learned || waves || mixed || resized || data,
              kOfNeither.contains(key))
        << "not classified";
    EXPECT_EQ(describes_model(key, "seqpe"), every || seqpe || resized);
    EXPECT_EQ(describes_model(key, "learned"), every || learned || resized);
    EXPECT_EQ(describes_model(key, "sinusoidal"), every || waves || resized);
    EXPECT_EQ(describes_model(key, "rotary"), every || waves || resized);
    EXPECT_EQ(describes_model(key, "rotary_2d"), every || waves);
    EXPECT_EQ(describes_model(key, "rotary_mixed"), every || mixed);
    EXPECT_EQ(describes_model(key, "alibi"), every);
    EXPECT_EQ(describes_model(key, "none"), every);
    EXPECT_EQ(decides_data(key), data);
  }
}

TEST(Config, DefaultsAreThoseOfTheSchemaNotOfARecipe) {
  const Config config = load_config({}, {});
  EXPECT_EQ(config.model.layers, 12);
  EXPECT_EQ(config.train.peak_rate(config.train.groups.at("encoder")),
            config.train.groups.at("model").learning_rate);
  EXPECT_EQ(config.train.micro_batch(), config.train.batch_size);
}

TEST(Config, LaterFilesOverEarlierOverridesOverAll) {
  const test::TemporaryDirectory folder;
  const auto first = folder.write("first.yaml", "train: {steps: 7, batch_size: 8}\n");
  const auto second = folder.write("second.yaml", "train: {steps: 9}\n");
  Config config = load_config({first, second}, {});
  EXPECT_EQ(config.train.steps, 9);
  EXPECT_EQ(config.train.batch_size, 8);
  config = load_config({second, first}, {"train.batch_size=4"});
  EXPECT_EQ(config.train.steps, 7);
  EXPECT_EQ(config.train.batch_size, 4);
}

TEST(Config, IncludesFilesBesideThemAndRecipes) {
  const test::TemporaryDirectory folder;
  std::filesystem::create_directory(folder / "sub");
  folder.write("base.yaml", "include: sub/part.yaml\ntrain: {steps: 7}\n");
  folder.write("sub/part.yaml", "include: other.yaml\ntrain: {steps: 5, batch_size: 6}\n");
  folder.write("sub/other.yaml", "model: {layers: 3}\n");
  const Config config = load_config({folder / "base.yaml"}, {});
  EXPECT_EQ(config.train.steps, 7);
  EXPECT_EQ(config.train.batch_size, 6);
  EXPECT_EQ(config.model.layers, 3) << "seen from the folder of the including file";
  folder.write("recipe.yaml", "include: quickstart_lm\ntrain: {steps: 3, warmup_steps: 0}\n");
  const Config recipe = load_config({folder / "recipe.yaml"}, {});
  EXPECT_EQ(recipe.train.steps, 3);
  EXPECT_EQ(recipe.model.width, load_config({"quickstart_lm"}, {}).model.width);
}

TEST(Config, EveryRecipeIsValidAndReadsBackFromItsDump) {
  ASSERT_FALSE(recipe_names().empty());
  for (const std::string& name : recipe_names()) {
    SCOPED_TRACE(name);
    Config config = load_config({name}, {});
    const std::string dumped = config::dump(fields_of(config));
    const test::TemporaryDirectory folder;
    Config again = load_config({folder.write("config.yaml", dumped)}, {});
    EXPECT_EQ(config::dump(fields_of(again)), dumped);
  }
}

TEST(Config, UnknownNames) {
  test::expect_error<ConfigError>(
      [] { load_config({"quickstart"}, {}); },
      "[config] there is no file or recipe 'quickstart'. Did you mean 'quickstart_lm'?");
  expect_refused({"model.layer=2"},
                 "[config] unknown key 'model.layer' (--set). Did you mean 'model.layers'?");
}

TEST(Config, ValuesMustFitTogether) {
  expect_refused({"model.heads=5"}, "[config] model.heads must divide model.width 768, got 5.");
  for (const char* key :
       {"eval.start", "data.block_size", "seqpe.max_position", "model.width", "train.batch_size",
        "seqpe.max_digits", "seqpe.encoder.width", "seqpe.shift.pool", "seqpe.shift.blocks",
        "seqpe.contrastive.pivots", "seqpe.contrastive.candidates", "seqpe.transfer.starts",
        "seqpe.transfer.indices"}) {
    expect_refused(
        {fmt::format("{}=9000000000000000000", key), "model.heads=1"},
        fmt::format("[config] {} must be at most 1073741824, got 9000000000000000000.", key));
  }
  expect_refused({"train.batch_size=10", "train.micro_batch_size=4"},
                 "[config] train.micro_batch_size must divide train.batch_size 10, got 4.");
  expect_refused({"train.steps=10", "train.warmup_steps=11"},
                 "[config] train.warmup_steps must be at most train.steps 10, got 11.");
  expect_refused({"eval.lengths=[64, 0]"}, "[config] eval.lengths must be >= 1, got 0.");
  expect_refused({"seqpe.encoder.heads=5"},
                 "[config] seqpe.encoder.heads must divide seqpe.encoder.width 768, got 5.");
  expect_refused(
      {"seqpe.max_digits=4"},
      "[config] seqpe.max_digits must be at least 5 for seqpe.max_position 20000 in base "
      "10, got 4.");
  expect_refused({"data.block_size=20001"},
                 "[seqpe] seqpe.max_position must be at least data.block_size 20001, got 20000.");
  EXPECT_NO_THROW(load_config({}, {"model.position=none", "seqpe.max_digits=4"}))
      << "the section seqpe does not matter then";
}

TEST(Config, SizesOfImagesMustBePossible) {
  const auto with = [](const std::string& sizes) {
    return std::vector<std::string>{"task=vit", "model.position=none", "eval.sizes=" + sizes};
  };
  expect_refused(with("[224, 232]"),
                 "[config] eval.sizes must be a multiple of model.patch 16, got 232.");
  // 256 / 224 times 11712 is 13385.1, whose square is 179158225.
  expect_refused(with("[224, 11712]"),
                 "[config] eval.sizes 11712: images are enlarged to 13385 x 13385, which must have "
                 "at most 178956970 pixels.");
  expect_refused(with("[16x160000000]"),
                 "[config] eval.sizes 16x160000000: images are enlarged to 18 x 182857142, which "
                 "must have at most 178956970 pixels.");
  EXPECT_NO_THROW(load_config({}, with("[11696, 16x8000000]")));
}

TEST(Config, HeadsMustSuitTheDevice) {
  const std::vector<std::string> wide{"model.position=none", "model.width=387", "model.heads=3"};
  const auto with = [](std::vector<std::string> all, const std::vector<std::string>& more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const char* const refusal =
      "[config] model.heads: on the device cuda a head may have at most 128 columns, 3 heads of "
      "model.width 387 have 129. Hint: at least 9 heads, or train.device=cpu.";
  expect_refused(with(wide, {"train.device=cuda"}), refusal);
  EXPECT_NO_THROW(load_config({}, with(wide, {"train.device=cpu"})));
  EXPECT_NO_THROW(load_config({}, {"train.device=cuda", "model.width=384", "model.heads=3"}));
  // Whoever finds a device for `auto` asks again.
  const Config unknown = load_config({}, wide);
  EXPECT_NO_THROW(validate_device(unknown, Device::cpu));
  test::expect_error<ConfigError>([&] { validate_device(unknown, Device::cuda); }, refusal);

  const std::vector<std::string> encoder{"train.device=cuda", "seqpe.encoder.heads=5",
                                         "seqpe.encoder.width=645"};
  const char* const of_encoder =
      "[config] seqpe.encoder.heads: on the device cuda a head may have at most 128 columns, 5 "
      "heads of seqpe.encoder.width 645 have 129. Hint: at least 15 heads, or train.device=cpu.";
  expect_refused(encoder, of_encoder);
  EXPECT_NO_THROW(load_config({}, with(encoder, {"model.position=none"})));
  expect_refused(with(encoder, {"model.position=none", "compare=[seqpe]"}), of_encoder);
}

}  // namespace
}  // namespace seqpe::models
