// Training steps of the reference: losses, weights of the regularisers, gradient norms, learning
// rates and final parameters.
//
// The optimiser is the engine's own train::Updater on a model of models::LanguageModel. The step
// itself cannot be models::LmTask's: that draws a step's blocks and positions by itself, as a
// function of the seed, and the file holds those which the reference drew. So lm_step() makes the
// step from given ones, and a second test holds LmTask to lm_step() on the ones that LmTask draws.
#include <cmath>
#include <set>

#include "engine/autograd/backward.h"
#include "engine/ops/rows.h"
#include "engine/train/updater.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

/// What a step is made of.
struct StepInputs {
  Tensor ids, labels;                     // i64 [B, N]
  std::vector<std::int64_t> positions;    // [blocks, N]
  std::vector<std::int64_t> pivots;       // [pivots]; empty: no contrastive loss
  std::vector<std::int64_t> candidates;   // [pivots, candidates]
  Tensor contrastive_labels;              // i64 [pivots]
  std::vector<std::int64_t> transferred;  // [starts, indices]; empty: no transfer loss
  Tensor transfer_indices;                // i64 [starts, indices]
  double contrastive_weight = 0, transfer_weight = 0;
};

/// What multiplies the weights of the regularisers at a step.
double warmup_factor(const nlohmann::json& config, std::int64_t step) {
  const double steps = config.at("train").at("loss_warmup_steps");
  return steps == 0 ? 1.0 : std::min(1.0, static_cast<double>(step + 1) / steps);
}

/// Forward and backward of a whole step.
train::StepTerms lm_step(const models::LanguageModel& model, const nlohmann::json& config,
                         const StepInputs& in) {
  const std::int64_t length = in.ids.dim(1);
  std::vector<autograd::Root> roots;
  std::optional<Tensor> contrastive, transfer;
  Tensor main, leaf;
  if (model.seqpe() == nullptr) {
    main = model.gpt().position().embed({0}, length, {});
  } else {
    std::vector<std::int64_t> all = in.positions;
    for (const auto* more : {&in.pivots, &in.candidates, &in.transferred})
      all.insert(all.end(), more->begin(), more->end());
    const Tensor embeddings = model.seqpe()->encoder().forward(all, {});
    std::int64_t row = 0;
    const auto next = [&](const std::vector<std::int64_t>& positions) {
      const std::int64_t begin = row;
      row += static_cast<std::int64_t>(positions.size());
      return ops::slice_rows(embeddings, begin, row);
    };
    main = next(in.positions).view({-1, length, embeddings.dim(1)});
    const Tensor pivots = next(in.pivots), candidates = next(in.candidates);
    if (!in.pivots.empty())
      contrastive = test::contrastive_loss(config.at("contrastive"), pivots, candidates,
                                           in.contrastive_labels);
    if (!in.transferred.empty())
      transfer = models::transfer_loss(ops::slice_rows(embeddings, 0, length), next(in.transferred),
                                       in.transfer_indices, config.at("transfer").at("heads"),
                                       test::transfer_options(config.at("transfer")));
  }
  if (main.defined()) {
    leaf = main.detach().view(main.shape());
    leaf.set_requires_grad();
  }
  const auto task = model.gpt().loss(model.gpt().forward(in.ids, leaf, {}, {}), in.labels);
  autograd::backward(task.loss);
  train::StepTerms terms{task.loss.item(), {{"task", task.loss.item()}}, in.ids.numel()};
  if (leaf.defined()) roots.push_back({main, leaf.grad()});
  const auto add_term = [&](const char* name, const std::optional<Tensor>& loss, double weight) {
    terms.terms.emplace_back(name, loss ? std::optional(loss->item()) : std::nullopt);
    if (!loss) return;
    terms.loss += weight * loss->item();
    roots.push_back({*loss, Tensor::full({1}, weight, loss->dtype())});
  };
  add_term("contrastive", contrastive, in.contrastive_weight);
  add_term("transfer", transfer, in.transfer_weight);
  if (!roots.empty()) autograd::backward(roots);
  return terms;
}

bool is_of_encoder(const std::string& parameter) {
  return parameter.starts_with("encoder.");
}

/// The AdamW group of each parameter in the file.
std::map<std::string, nlohmann::json> groups_by_parameter(const nlohmann::json& config) {
  std::map<std::string, nlohmann::json> groups;
  for (const auto& group : config.at("train").at("groups")) {
    for (const auto& name : group.at("parameters"))
      EXPECT_TRUE(groups.emplace(name, group).second) << name << " is in two groups";
  }
  return groups;
}

/// The whole configuration of a training file.
models::Config training_config(const nlohmann::json& config) {
  models::Config out = test::model_config(config);
  const auto& train = config.at("train");
  const auto& schedule = train.at("schedule");
  out.train.batch_size = train.at("batch_size");
  out.train.steps = schedule.at("steps");
  out.train.warmup_steps = schedule.at("warmup_steps");
  out.train.warmup_from = schedule.at("warmup_from");
  out.train.min_learning_rate = schedule.at("min_learning_rate");
  out.train.schedule = test::choice<optim::ScheduleKind>(
      schedule.at("name"), {{"linear", optim::ScheduleKind::linear},
                            {"cosine", optim::ScheduleKind::cosine},
                            {"constant", optim::ScheduleKind::constant}});
  out.train.clip = train.at("clip");
  out.train.encoder_clip = train.at("encoder_clip");
  out.train.weight_decay = out.train.encoder_weight_decay = 0;
  for (const auto& [name, group] : groups_by_parameter(config)) {
    const bool encoder = is_of_encoder(name);
    (encoder ? out.train.encoder_learning_rate : out.train.learning_rate) =
        group.at("learning_rate");
    double& decay = encoder ? out.train.encoder_weight_decay : out.train.weight_decay;
    decay = std::max<double>(decay, group.at("weight_decay"));
    out.train.betas = group.at("betas").get<std::vector<double>>();
    out.train.eps = group.at("eps");
  }
  out.seqpe.contrastive.weight = train.at("contrastive_weight");
  out.seqpe.transfer.weight = train.at("transfer_weight");
  out.seqpe.loss_warmup_steps = train.at("loss_warmup_steps");
  out.seqpe.shift.blocks = train.at("shift_blocks");
  return out;
}

/// The file's steps, for train::Updater.
class StoredSteps final : public train::Task {
 public:
  StoredSteps(const test::Golden& golden, const models::LanguageModel& model)
      : golden_(golden), model_(model) {}

  /// With weight decay as the file's groups have it.
  std::vector<nn::Parameter> parameters() const override {
    const auto groups = groups_by_parameter(golden_.config);
    const train::TrainConfig& train = model_.config().train;
    std::vector<nn::Parameter> all = model_.parameters();
    EXPECT_EQ(all.size(), groups.size());
    for (nn::Parameter& parameter : all) {
      const auto& group = groups.at(parameter.name);
      parameter.decay = group.at("weight_decay") > 0;
      const bool encoder = is_of_encoder(parameter.name);
      EXPECT_EQ(parameter.group, encoder ? "encoder" : "model");
      // train::Updater has one rate, and one decay, for each of model and encoder.
      EXPECT_EQ(group.at("learning_rate"),
                encoder ? train.encoder_learning_rate : train.learning_rate);
      if (parameter.decay) {
        EXPECT_EQ(group.at("weight_decay"),
                  encoder ? train.encoder_weight_decay : train.weight_decay);
      }
      EXPECT_EQ(group.at("betas"), train.betas);
      EXPECT_EQ(group.at("eps"), train.eps);
    }
    return all;
  }

  train::StepTerms forward_backward(std::int64_t step) override {
    return lm_step(model_, golden_.config, inputs(step));
  }
  std::vector<train::EvalRow> evaluate(const train::OnEvaluated&) override { return {}; }
  void save(const std::filesystem::path&) const override {}
  void load(const std::filesystem::path&) override {}

  StepInputs inputs(std::int64_t step) const {
    const std::string in = fmt::format("in.step{}.", step);
    const auto positions = [&](const char* name) {
      return golden_.has(in + name) ? golden_.integers(in + name) : std::vector<std::int64_t>();
    };
    const auto tensor = [&](const char* name) {
      return golden_.has(in + name) ? golden_.file.tensor(in + name) : Tensor();
    };
    const auto& train = golden_.config.at("train");
    const double factor = warmup_factor(golden_.config, step);
    return {.ids = tensor("input_ids"),
            .labels = tensor("labels"),
            .positions = positions("positions"),
            .pivots = positions("pivots"),
            .candidates = positions("candidates"),
            .contrastive_labels = tensor("contrastive_labels"),
            .transferred = positions("transfer_positions"),
            .transfer_indices = tensor("transfer_indices"),
            .contrastive_weight = factor * train.at("contrastive_weight").get<double>(),
            .transfer_weight = factor * train.at("transfer_weight").get<double>()};
  }

 private:
  const test::Golden& golden_;
  const models::LanguageModel& model_;
};

/// Compares one number with element `index` of a result of the file.
void expect_stored(const test::Golden& golden, const std::string& name, std::int64_t index,
                   double ours, double bound) {
  const double theirs = golden.file.tensor("out." + name).data_as<double>()[index];
  EXPECT_NEAR(ours, theirs, bound * std::max(std::abs(theirs), 1e-13)) << name;
}

void check_step(const test::Golden& golden, const StepInputs& in, std::int64_t step,
                const train::Update& update, DType dtype) {
  const double output_bound = test::output_bound(dtype);
  const auto& train = golden.config.at("train");
  expect_stored(golden, "loss", step, update.terms.loss, output_bound);
  for (const auto& [name, loss] : update.terms.terms)
    expect_stored(golden, name + "_loss", step, loss.value_or(0), output_bound);
  for (const auto& [group, norm] : update.norms) {
    expect_stored(golden, group == "model" ? "grad_norm" : group + "_grad_norm", step, norm,
                  test::gradient_bound(dtype));
  }
  expect_stored(golden, "loss_weights", 2 * step, in.contrastive_weight, 1e-12);
  expect_stored(golden, "loss_weights", 2 * step + 1, in.transfer_weight, 1e-12);
  EXPECT_EQ(golden.integers("out.transfer_used").at(static_cast<std::size_t>(step)),
            in.transferred.empty() ? 0 : 1);
  const auto groups = static_cast<std::int64_t>(train.at("groups").size());
  for (std::int64_t g = 0; g < groups; ++g) {
    const auto& group = train.at("groups")[static_cast<std::size_t>(g)];
    if (is_of_encoder(group.at("parameters")[0])) continue;  // seen in the final parameters
    // The text reference rounds a rate to float32.
    expect_stored(golden, "learning_rate", step * groups + g, update.learning_rate, 1e-7);
  }
}

/// Key biases whose gradient is zero by theory: AdamW turns their rounding noise into steps.
bool is_noise(const nlohmann::json& config, const std::string& name, std::int64_t index,
              std::int64_t size) {
  const bool multiplies = config.contains("seqpe") && config.at("seqpe").at("apply") == "attn_mul";
  if (multiplies && !is_of_encoder(name)) return false;
  if (name.ends_with("c_attn.bias")) return index >= size / 3 && index < 2 * size / 3;
  return name.ends_with("pe_qk.bias") && index >= size / 2;
}

void check_final_parameters(const test::Golden& golden, const models::LanguageModel& model) {
  std::size_t compared = 0, stored = 0;
  for (const nn::Parameter& parameter : model.parameters()) {
    const Tensor expected = golden.file.tensor("final." + parameter.name);
    const Tensor ours = parameter.value.clone();
    for (std::int64_t i = 0; i < ours.numel(); ++i) {
      if (is_noise(golden.config, parameter.name, i, ours.numel()))
        ours.data_as<double>()[i] = expected.data_as<double>()[i];
    }
    EXPECT_LE(test::relative_error(ours, expected), 1e-9) << parameter.name;
    ++compared;
  }
  for (const auto& entry : golden.file.entries()) stored += entry.name.starts_with("final.");
  EXPECT_EQ(compared, stored);
}

/// Every training file, of an encoding that this engine has.
std::vector<std::filesystem::path> training_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& path : test::golden_files("text", "training_")) {
    if (!test::is_missing(test::Golden(path).config)) files.push_back(path);
  }
  EXPECT_FALSE(files.empty());
  return files;
}

TEST(GoldenTraining, EveryStep) {
  for (const auto& path : training_files()) {
    for (const test::Where& where : test::everywhere()) {
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      const test::Golden golden(path);
      const auto model = test::golden_model(golden, training_config(golden.config), where);
      StoredSteps task(golden, *model);
      train::Updater updater(task, model->config().train);
      const std::int64_t steps = golden.config.at("train").at("steps");
      for (std::int64_t step = 0; step < steps; ++step) {
        SCOPED_TRACE(fmt::format("step {}", step));
        check_step(golden, task.inputs(step), step, updater.run(step), where.dtype);
      }
      if (where.dtype == DType::f64) check_final_parameters(golden, *model);
    }
  }
}

TEST(GoldenTraining, WeightDecayFollowsTheReferencesGroups) {
  for (const auto& path : training_files()) {
    const test::Golden golden(path);
    const models::Config config = training_config(golden.config);
    const auto model = test::golden_model(golden, config, {DType::f32, Device::cpu});
    const auto groups = groups_by_parameter(golden.config);
    for (const nn::Parameter& parameter : model->parameters()) {
      const double decay = is_of_encoder(parameter.name) ? config.train.encoder_weight_decay
                                                         : config.train.weight_decay;
      if (decay == 0) continue;  // then the groups say nothing
      EXPECT_EQ(parameter.decay, groups.at(parameter.name).at("weight_decay") > 0)
          << parameter.name;
    }
  }
}

/// What LmTask takes for a step: blocks of the text and positions by the seed.
StepInputs drawn_inputs(const models::Config& config, const data::Chunks& chunks,
                        std::int64_t step) {
  const std::int64_t size = config.train.batch_size, length = config.data.block_size;
  const auto seed = static_cast<std::uint64_t>(config.train.seed);
  const auto& seqpe = config.seqpe;
  StepInputs in{.ids = Tensor::empty({size, length}, DType::i64),
                .labels = Tensor::empty({size, length}, DType::i64)};
  const auto blocks = data::training_blocks(chunks, length, config.data.reference_blocks);
  data::EpochOrder order(static_cast<std::int64_t>(blocks.size()), seed, "data.order");
  for (std::int64_t b = 0; b < size; ++b) {
    data::fill_block(chunks, blocks[static_cast<std::size_t>(order.at(step * size + b))],
                     in.ids.data_as<std::int64_t>() + b * length,
                     in.labels.data_as<std::int64_t>() + b * length);
  }
  if (config.model.position != models::PositionKind::seqpe) return in;
  const auto starts =
      models::ShiftSampler(seqpe.shift, seqpe.max_position, length, size, seed).starts(step);
  in.positions = models::runs_of_positions(starts, length);
  const auto contrastive =
      models::ContrastiveSampler(seqpe.contrastive, seqpe.max_position, seed, seqpe.base)
          .sample(step);
  in.pivots = contrastive.pivots;
  in.candidates = contrastive.candidates;
  in.contrastive_labels = Tensor::from({seqpe.contrastive.pivots}, contrastive.labels);
  const double factor =
      std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(seqpe.loss_warmup_steps));
  in.contrastive_weight = factor * seqpe.contrastive.weight;
  in.transfer_weight = factor * seqpe.transfer.weight;
  if (starts.size() > 1) return in;
  const auto transfer =
      models::TransferSampler(seqpe.transfer, seqpe.max_position, length, seed).sample(step);
  for (std::size_t i = 0; i < transfer.indices.size(); ++i) {
    const auto row = i / static_cast<std::size_t>(seqpe.transfer.indices);
    in.transferred.push_back(transfer.starts[row] + transfer.indices[i]);
  }
  in.transfer_indices =
      Tensor::from({seqpe.transfer.starts, seqpe.transfer.indices}, transfer.indices);
  return in;
}

std::vector<Tensor> gradients_of(const models::LanguageModel& model) {
  std::vector<Tensor> all;
  for (const auto& parameter : model.parameters()) {
    all.push_back(parameter.value.grad().clone());
    parameter.value.clear_grad();
  }
  return all;
}

TEST(GoldenTraining, LmTaskTakesTheStepThatTheReferenceIsComparedWith) {
  for (const auto& path : training_files()) {
    SCOPED_TRACE(path.filename().string());
    const test::Golden golden(path);
    models::Config config = training_config(golden.config);
    config.seqpe.shift.rate = 0.5;
    config.seqpe.shift.pool = 2 * config.seqpe.shift.blocks;
    config.seqpe.contrastive.local_range = 2 * config.seqpe.contrastive.candidates;
    config.seqpe.loss_warmup_steps = 4;
    nlohmann::json same = golden.config;
    if (same.contains("contrastive")) {
      same["contrastive"]["label_smoothing"] = 0;  // the configuration has none
      EXPECT_EQ(same["contrastive"]["heads"], config.seqpe.encoder.heads);
      EXPECT_EQ(same["transfer"]["heads"], config.seqpe.encoder.heads);
    }
    const auto model = test::golden_model(golden, config, {DType::f64, Device::cpu});
    const std::int64_t tokens = 12 * config.data.block_size;
    data::Chunks chunks(1);
    for (std::int64_t i = 0; i < tokens; ++i)
      chunks[0].push_back(static_cast<std::int32_t>(i * i % model->tokenizer().vocab_size()));
    models::LmTask task(*model, chunks, {});
    std::set<std::size_t> runs;
    for (std::int64_t step = 0; step < 6; ++step) {
      SCOPED_TRACE(fmt::format("step {}", step));
      const train::StepTerms ours = task.forward_backward(step);
      const auto gradients = gradients_of(*model);
      const StepInputs in = drawn_inputs(config, chunks, step);
      const train::StepTerms expected = lm_step(*model, same, in);
      EXPECT_NEAR(ours.loss, expected.loss, 1e-12 * expected.loss);
      const auto expected_gradients = gradients_of(*model);
      for (std::size_t p = 0; p < gradients.size(); ++p) {
        EXPECT_LE(test::relative_error(gradients[p], expected_gradients[p]), 1e-11)
            << model->parameters()[p].name;
      }
      runs.insert(in.positions.size());
    }
    if (model->seqpe() != nullptr) {
      EXPECT_EQ(runs.size(), 2u) << "both shifted and unshifted steps";
    }
  }
}

}  // namespace
}  // namespace seqpe
