// The language-model task: micro-batches, thread counts, which models are the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/io/safetensors.h"
#include "engine/optim/parameter_buffers.h"
#include "models/tasks/lm_evaluation.h"
#include "models/tasks/lm_files.h"
#include "models/tasks/lm_task.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/thread_count.h"

namespace seqpe::models {
namespace {

Config tiny_config(const std::vector<std::string>& more = {}) {
  std::vector<std::string> settings{"model.layers=1",
                                    "model.width=8",
                                    "model.heads=2",
                                    "seqpe.encoder.width=8",
                                    "seqpe.encoder.heads=2",
                                    "seqpe.encoder.layers=1",
                                    "data.block_size=8",
                                    "train.batch_size=4",
                                    "seqpe.shift.blocks=2",
                                    "seqpe.contrastive.pivots=2",
                                    "seqpe.contrastive.candidates=4",
                                    "seqpe.transfer.starts=2",
                                    "seqpe.transfer.indices=4",
                                    "data.path=builtin:tale_of_two_cities_valid.txt"};
  settings.insert(settings.end(), more.begin(), more.end());
  return load_config({}, settings);
}

/// Loss and gradients of one step.
struct Step {
  double loss;
  std::vector<std::pair<std::string, Tensor>> gradients;
};

Step one_step(const Config& config, std::int64_t step, DType dtype,
              std::optional<DType> compute = std::nullopt) {
  const LanguageModel model(config, data::make_byte_tokenizer(), dtype);
  model.initialize(3);
  LmTask task(model);
  const auto groups = optim::make_groups(task.parameters(), compute);
  for (const auto& group : groups) group.clear_gradients();
  Step out{task.forward_backward(step).loss, {}};
  for (const auto& group : groups) group.complete_gradients();
  for (const auto& parameter : task.parameters())
    out.gradients.emplace_back(parameter.name, parameter.value.grad().clone());
  return out;
}

/// One start position for all sequences, several start positions, no encoder, a table in the model.
const std::vector<std::string> kKinds[] = {{"seqpe.shift.rate=0"},
                                           {"seqpe.shift.rate=1"},
                                           {"seqpe.shift.rate=1", "seqpe.apply=input_add"},
                                           {"model.position=learned"},
                                           {"model.position=none"}};

double norm_of(const Tensor& tensor) {
  double squares = 0;
  const Tensor wide = tensor.to(DType::f64);
  for (const double value : wide.span<double>()) squares += value * value;
  return std::sqrt(squares);
}

// bf16 keeps 8 bits; a gradient passes through tens of roundings, and adds up in float32.
TEST(LmTask, MixedPrecisionIsNearFloat32) {
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind.back());
    const Config config = tiny_config(kind);
    const Step wide = one_step(config, 1, DType::f32);
    const Step mixed = one_step(config, 1, DType::f32, DType::bf16);
    EXPECT_NEAR(mixed.loss, wide.loss, 0.01 * wide.loss);
    double difference = 0, size = 0;
    for (std::size_t p = 0; p < wide.gradients.size(); ++p) {
      const Tensor &exact = wide.gradients[p].second, &rough = mixed.gradients[p].second;
      ASSERT_EQ(rough.dtype(), DType::f32) << wide.gradients[p].first;
      const auto a = exact.span<float>(), b = rough.span<float>();
      for (std::size_t i = 0; i < a.size(); ++i) difference += std::pow(b[i] - a[i], 2);
      size += std::pow(norm_of(exact), 2);
    }
    EXPECT_LT(std::sqrt(difference), 0.03 * std::sqrt(size));
    EXPECT_GT(difference, 0) << "nothing was rounded";
  }
}

TEST(LmTask, MicroBatchesEqualTheWholeBatch) {
  // In float64 only the order of sums differs: about 1e3 terms of 1e-16.
  constexpr double kBound = 1e-12;
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind.back());
    std::vector<std::string> with_dropout = kind;
    with_dropout.insert(with_dropout.end(),
                        {"model.dropout.residual=0.2", "model.dropout.attention=0.2",
                         "model.dropout.embedding=0.2"});
    const Step whole = one_step(tiny_config(with_dropout), 1, DType::f64);
    for (const char* micro : {"1", "2"}) {
      auto settings = with_dropout;
      settings.push_back(std::string("train.micro_batch_size=") + micro);
      const Step parts = one_step(tiny_config(settings), 1, DType::f64);
      EXPECT_NEAR(parts.loss, whole.loss, kBound);
      for (std::size_t p = 0; p < whole.gradients.size(); ++p) {
        const auto a = whole.gradients[p].second.span<double>(),
                   b = parts.gradients[p].second.span<double>();
        for (std::size_t i = 0; i < a.size(); ++i)
          ASSERT_NEAR(a[i], b[i], kBound) << whole.gradients[p].first << " micro " << micro;
      }
    }
  }
}

TEST(LmTask, AStepIsTheSameForAnyNumberOfThreads) {
  // Large enough for more than one chunk a loop.
  const std::vector<std::string> large{"model.width=48", "seqpe.encoder.width=32",
                                       "data.block_size=48", "train.batch_size=8",
                                       "seqpe.contrastive.pivots=16"};
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind.back());
    std::vector<std::string> settings = large;
    settings.insert(settings.end(), kind.begin(), kind.end());
    const auto with_threads = [&](int count) {
      const test::ThreadCount threads(count);
      return one_step(tiny_config(settings), 2, DType::f32);
    };
    const Step one = with_threads(1);
    for (const int count : {2, 4}) {
      const Step many = with_threads(count);
      EXPECT_EQ(one.loss, many.loss);
      for (std::size_t p = 0; p < one.gradients.size(); ++p) {
        const auto a = one.gradients[p].second.span<float>(),
                   b = many.gradients[p].second.span<float>();
        EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << one.gradients[p].first;
      }
    }
  }
}

TEST(LmTask, AStepIsAFunctionOfStepAndWeightsAlone) {
  const Config config = tiny_config({"seqpe.shift.rate=0.5"});
  const LanguageModel model(config, data::make_byte_tokenizer());
  model.initialize(3);
  LmTask walked(model);
  for (std::int64_t step = 0; step < 8; ++step) {
    LmTask fresh(model);
    EXPECT_EQ(walked.forward_backward(step).loss, fresh.forward_backward(step).loss) << step;
  }
}

/// The names of the parameters of a group that weight decay acts on, and of those that it leaves.
std::pair<std::set<std::string>, std::set<std::string>> decay_of(const Config& config,
                                                                 const std::string& group) {
  std::set<std::string> decayed, exempt;
  const LanguageModel model(config, data::make_byte_tokenizer());
  for (const auto& parameter : model.parameters()) {
    if (parameter.group == group) (parameter.decay ? decayed : exempt).insert(parameter.name);
  }
  return {decayed, exempt};
}

TEST(LanguageModel, WeightDecayLeavesBiasesAndLayerNormsOfTheModel) {
  const auto [decayed, exempt] = decay_of(tiny_config(), "model");
  EXPECT_EQ(decayed, (std::set<std::string>{
                         "transformer.wte.weight", "transformer.pe_qk.weight",
                         "transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_proj.weight",
                         "transformer.h.0.mlp.c_fc.weight", "transformer.h.0.mlp.c_proj.weight"}));
  EXPECT_EQ(exempt, (std::set<std::string>{
                        "transformer.pe_qk.bias", "transformer.h.0.ln_1.weight",
                        "transformer.h.0.ln_1.bias", "transformer.h.0.attn.c_attn.bias",
                        "transformer.h.0.attn.c_proj.bias", "transformer.h.0.ln_2.weight",
                        "transformer.h.0.ln_2.bias", "transformer.h.0.mlp.c_fc.bias",
                        "transformer.h.0.mlp.c_proj.bias", "transformer.ln_f.weight",
                        "transformer.ln_f.bias"}));
}

TEST(LanguageModel, WeightDecayActsOnALearnedTableAndProjectionsByLayer) {
  EXPECT_TRUE(decay_of(tiny_config({"model.position=learned"}), "model")
                  .first.contains("transformer.wpe.weight"));
  const auto [decayed, exempt] = decay_of(tiny_config({"seqpe.qk_projection=per_layer"}), "model");
  EXPECT_TRUE(decayed.contains("transformer.h.0.attn.pe_qk.weight"));
  EXPECT_TRUE(exempt.contains("transformer.h.0.attn.pe_qk.bias"));
}

TEST(LanguageModel, WeightDecayLeavesEmbeddingsAndLayerNormsOfTheEncoder) {
  const auto [decayed, exempt] = decay_of(tiny_config(), "encoder");
  std::set<std::string> expected{"encoder.out_proj.weight", "encoder.out_proj.bias"};
  for (const char* layer : {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"}) {
    for (const char* part : {".weight", ".bias"})
      expected.insert(std::string("encoder.transformers.0.") + layer + part);
  }
  EXPECT_EQ(decayed, expected) << "the biases too";
  EXPECT_EQ(
      exempt,
      (std::set<std::string>{
          "encoder.cls_token_embed", "encoder.pos_of_seqpe_embed.weight",
          "encoder.token_of_seqpe_embed.weight", "encoder.transformers.0.layernorm_1.weight",
          "encoder.transformers.0.layernorm_1.bias", "encoder.transformers.0.layernorm_2.weight",
          "encoder.transformers.0.layernorm_2.bias", "encoder.layernorm.weight",
          "encoder.layernorm.bias"}));
}

TEST(LmTask, TheRegularisersWarmUpInTheTotalLoss) {
  struct Case {
    const char* warmup;
    std::vector<double> factors;  // of step 0, 1, ...
  };
  const Case cases[] = {{"seqpe.loss_warmup_steps=0", {1, 1}},
                        {"seqpe.loss_warmup_steps=1", {1, 1}},
                        {"seqpe.loss_warmup_steps=4", {0.25, 0.5, 0.75, 1, 1}}};
  for (const auto& [warmup, factors] : cases) {
    SCOPED_TRACE(warmup);
    const LanguageModel model(
        tiny_config({warmup, "seqpe.shift.rate=0", "seqpe.contrastive.weight=0.2",
                     "seqpe.transfer.weight=0.3"}),
        data::make_byte_tokenizer(), DType::f64);
    model.initialize(3);
    // Transfer is near zero with the initial weights: let the embeddings differ.
    const Tensor out = model.seqpe()->encoder().parameter("encoder.out_proj.weight");
    for (double& value : out.span<double>()) value *= 50;
    LmTask task(model);
    for (std::size_t step = 0; step < factors.size(); ++step) {
      const train::StepTerms terms = task.forward_backward(static_cast<std::int64_t>(step));
      std::map<std::string, double> by_name;
      for (const auto& [name, loss] : terms.terms) by_name[name] = loss.value();
      EXPECT_GT(by_name.at("transfer"), 1e-3);
      EXPECT_NEAR(terms.loss,
                  by_name.at("task") + factors[step] * (0.2 * by_name.at("contrastive") +
                                                        0.3 * by_name.at("transfer")),
                  1e-13)
          << "step " << step;
    }
  }
}

TEST(EvaluateLength, AShortRestBlockTakesTheRowsOfItsOwnLength) {
  // A table of 8 rows, blocks of 32: the rest of 20 tokens is stretched over 20, the rest of 5
  // takes five rows as they are.
  const LanguageModel model(tiny_config({"model.position=learned"}), data::make_byte_tokenizer(),
                            DType::f64);
  model.initialize(3);
  std::vector<std::int32_t> tokens;
  for (std::int32_t i = 0; i < 32 + 20; ++i) tokens.push_back(i * 37 % 256);
  for (const std::size_t rest : {20U, 5U}) {
    const std::vector<std::int32_t> all(tokens.begin(), tokens.begin() + 32 + rest),
        first(tokens.begin(), tokens.begin() + 33), last(all.end() - rest, all.end());
    const LengthEvaluation both = evaluate_length(model, {all}, 32),
                           whole = evaluate_length(model, {first}, 32),
                           alone = evaluate_length(model, {last}, static_cast<std::int64_t>(rest));
    EXPECT_EQ(both.tokens, whole.tokens + alone.tokens);
    // `first` has one token more than a block, predicted from but not predicting.
    EXPECT_NEAR(both.nll * static_cast<double>(both.tokens),
                whole.nll * static_cast<double>(whole.tokens) +
                    alone.nll * static_cast<double>(alone.tokens),
                1e-10)
        << rest;
  }
}

TEST(LmFiles, AHeadOfItsOwnIsRefused) {
  const test::TemporaryDirectory folder;
  const LanguageModel model(tiny_config({"model.position=none"}), data::make_byte_tokenizer());
  model.initialize(3);
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& parameter : model.gpt().parameters())
    tensors.emplace_back(parameter.name, parameter.value);
  ASSERT_EQ(tensors[0].first, "transformer.wte.weight");
  const Tensor embedding = tensors[0].second;
  for (const bool tied : {true, false}) {
    auto with_head = tensors;
    with_head.emplace_back("lm_head.weight",
                           tied ? embedding : Tensor::zeros(embedding.shape(), DType::f32));
    io::write_safetensors(folder / "model.safetensors", with_head);
    if (tied) {
      EXPECT_NO_THROW(load_weights(model, folder.path()));
    } else {
      const std::string message =
          test::error_of<CheckpointError>([&] { load_weights(model, folder.path()); });
      EXPECT_NE(message.find("'lm_head.weight' must equal 'transformer.wte.weight'"),
                std::string::npos)
          << message;
    }
  }
}

TEST(LmTask, RefusesToGoOnWithAnotherModelByTheKey) {
  const test::TemporaryDirectory folder;
  const LanguageModel stored(tiny_config(), data::make_byte_tokenizer());
  stored.initialize(3);
  save_language_model(stored, folder.path());
  struct Case {
    const char* setting;
    const char* key;  // null: the same model
  };
  const Case cases[] = {{"train.learning_rate=1", nullptr},
                        {"model.dropout.residual=0.5", nullptr},
                        {"seqpe.contrastive.weight=0.5", nullptr},
                        {"seqpe.shift.rate=0.5", nullptr},
                        {"seqpe.max_digits=5", nullptr},  // what auto gives
                        {"model.heads=4", "model.heads"},
                        {"model.activation=gelu", "model.activation"},
                        {"model.layer_norm_eps=1e-6", "model.layer_norm_eps"},
                        {"model.position=learned", "model.position"},
                        {"seqpe.scalar_scale=2", "seqpe.scalar_scale"},
                        {"seqpe.encoder.attention=bidirectional", "seqpe.encoder.attention"},
                        {"seqpe.encoder.temperature=2", "seqpe.encoder.temperature"}};
  for (const auto& [setting, key] : cases) {
    SCOPED_TRACE(setting);
    const LanguageModel asked(tiny_config({setting}), data::make_byte_tokenizer());
    if (key == nullptr) {
      EXPECT_NO_THROW(check_same_model(asked, folder.path()));
    } else {
      const std::string message =
          test::error_of<CheckpointError>([&] { check_same_model(asked, folder.path()); });
      EXPECT_NE(message.find(std::string("another model: ") + key), std::string::npos) << message;
    }
  }
}

}  // namespace
}  // namespace seqpe::models
