// Optimiser steps of the reference, replayed by the engine's own step and updater from the
// sequences or images and the positions of the file: losses, gradient norms, learning rates and
// final parameters.
#include <map>
#include <set>

#include "engine/train/updater.h"
#include "models/tasks/image_step.h"
#include "models/tasks/lm_step.h"
#include "tests/golden_tests/model_support.h"
#include "tests/support/micro_batches.h"

namespace seqpe {
namespace {

/// The groups "model" and "encoder" as the file's AdamW groups have them: one learning rate each,
/// betas and eps of all, and one weight decay for those that decay.
struct Groups {
  explicit Groups(const nlohmann::json& groups) {
    for (const auto& group : groups) {
      for (const std::string name : group.at("parameters")) of_parameter[name] = group;
    }
  }

  nn::Parameter placed(nn::Parameter parameter) const {
    parameter.decay = of_parameter.at(parameter.name).at("weight_decay") > 0;
    return parameter;
  }

  /// The one value that `key` has in the groups of the parameters with this prefix; of weight
  /// decays the one that is not zero.
  double value(const std::string& key, bool encoder) const {
    std::set<double> values;
    for (const auto& [name, group] : of_parameter) {
      if (name.starts_with("encoder.") == encoder) values.insert(group.at(key).get<double>());
    }
    if (key == "weight_decay" && values.size() > 1) values.erase(0.0);
    EXPECT_EQ(values.size(), 1u) << key << ": one group of the engine, several values of the file";
    return *values.begin();
  }

  std::map<std::string, nlohmann::json> of_parameter;
};

train::TrainConfig train_config(const nlohmann::json& config, const Groups& groups) {
  train::TrainConfig train;
  const auto& schedule = config.at("schedule");
  train.schedule = test::choice<optim::ScheduleKind>(schedule.at("name"),
                                                     {{"linear", optim::ScheduleKind::linear},
                                                      {"cosine", optim::ScheduleKind::cosine},
                                                      {"constant", optim::ScheduleKind::constant}});
  train.steps = schedule.at("steps");
  train.warmup_steps = schedule.at("warmup_steps");
  train.warmup_from = schedule.at("warmup_from");
  train.min_learning_rate = schedule.at("min_learning_rate");
  for (const bool encoder : {false, true}) {
    train.groups[encoder ? "encoder" : "model"] = {
        .learning_rate = groups.value("learning_rate", encoder),
        .weight_decay = groups.value("weight_decay", encoder),
        .clip = config.at(encoder ? "encoder_clip" : "clip")};
  }
  std::set<std::vector<double>> betas;
  for (const auto& group : config.at("groups")) betas.insert(group.at("betas"));
  EXPECT_EQ(betas.size(), 1u);
  train.betas = *betas.begin();
  train.eps = groups.value("eps", false);
  EXPECT_EQ(train.eps, groups.value("eps", true));
  return train;
}

models::Config model_config(const nlohmann::json& file) {
  models::Config config;
  const auto& model = file.at("model");
  EXPECT_EQ(model.at("position"), "seqpe");
  config.model.layers = model.at("layers");
  config.model.width = model.at("width");
  config.model.heads = model.at("heads");
  config.model.activation = test::choice<models::ActivationName>(
      model.at("activation"),
      {{"gelu", models::ActivationName::gelu}, {"gelu_new", models::ActivationName::gelu_new}});
  config.model.layer_norm_eps = model.at("layer_norm_eps");
  config.model.dropout = {0.0, 0.0, 0.0};
  if (model.at("kind") == "vit") {
    config.task = models::TaskKind::vit;
    config.model.image = model.at("image").at(0);
    config.model.patch = model.at("patch");
    config.model.classes = model.at("classes");
  } else {
    config.data.block_size = model.at("train_length");
  }
  config.seqpe = test::seqpe_options(file.at("seqpe"));
  const auto &contrastive = file.at("contrastive"), &transfer = file.at("transfer"),
             &train = file.at("train");
  config.seqpe.contrastive.per_head = contrastive.at("per_head");
  config.seqpe.contrastive.logit_scale = contrastive.at("logit_scale");
  config.seqpe.contrastive.weight = train.at("contrastive_weight");
  config.seqpe.transfer = test::transfer_options(transfer);
  config.seqpe.transfer.weight = train.at("transfer_weight");
  config.seqpe.loss_warmup_steps = train.at("loss_warmup_steps");
  EXPECT_EQ(contrastive.at("heads"), config.seqpe.encoder.heads);
  EXPECT_EQ(transfer.at("heads"), config.seqpe.encoder.heads);
  EXPECT_EQ(contrastive.at("label_smoothing"), 0.0) << "a training of the engine has none";
  return config;
}

/// What the file holds of a step's positions.
models::StepPositions stored_positions(const test::Golden& golden, const std::string& in,
                                       const models::Extent& window) {
  const auto dimensions = static_cast<std::ptrdiff_t>(window.size());
  models::StepPositions out;
  const auto positions = golden.integers(in + "positions");
  const auto block = static_cast<std::ptrdiff_t>(models::place_count(window)) * dimensions;
  for (auto at = positions.begin(); at < positions.end(); at += block)
    out.starts.insert(out.starts.end(), at, at + dimensions);
  EXPECT_EQ(models::positions_of(models::PositionGrid{window, out.starts}), positions);
  out.contrastive = {.pivots = golden.integers(in + "pivots"),
                     .candidates = golden.integers(in + "candidates"),
                     .labels = golden.integers(in + "contrastive_labels")};
  if (!golden.has(in + "transfer_positions")) return out;
  const auto far = golden.integers(in + "transfer_positions");
  models::TransferSample sample{.starts = {}, .indices = golden.integers(in + "transfer_indices")};
  const std::int64_t count = golden.file.tensor(in + "transfer_indices").dim(1);
  for (std::size_t i = 0; i < sample.indices.size(); i += static_cast<std::size_t>(count)) {
    const auto place = models::place_in(window, sample.indices[i]);
    for (std::size_t d = 0; d < window.size(); ++d)
      sample.starts.push_back(far[i * window.size() + d] - place[d]);
  }
  EXPECT_EQ(models::positions_of(sample, window), far);
  out.transfer = sample;
  return out;
}

/// Steps whose samples and positions a file holds; without dropout, as one micro-batch.
class ReplayedTask : public train::Task {
 public:
  ReplayedTask(const test::Golden& golden, const models::TaskModel& model, Groups groups)
      : golden_(golden), model_(model), groups_(std::move(groups)) {}

  const char* unit() const override { return "samples"; }
  std::vector<nn::Parameter> parameters() const override {
    std::vector<nn::Parameter> all;
    for (const nn::Parameter& parameter : model_.parameters())
      all.push_back(groups_.placed(parameter));
    return all;
  }
  train::Evaluation evaluate(const train::OnEvaluated&) override { return {}; }
  void save(const std::filesystem::path&) const override {}
  void load(const std::filesystem::path&) override {}

 protected:
  Tensor stored(const std::string& name) const { return golden_.file.tensor(name); }
  models::StepPositions positions(const std::string& in) const {
    return stored_positions(golden_, in, models::trained_extent(model_.config()));
  }

 private:
  const test::Golden& golden_;
  const models::TaskModel& model_;
  const Groups groups_;
};

class ReplayedText final : public ReplayedTask {
 public:
  ReplayedText(const test::Golden& golden, const models::LanguageModel& model, Groups groups)
      : ReplayedTask(golden, model, std::move(groups)), model_(model) {}

  train::StepInputs draw(std::int64_t step) override {
    const std::string in = fmt::format("in.step{}.", step);
    models::StepPositions drawn = positions(in);
    return models::step_inputs(model_, {.step = step,
                                        .ids = stored(in + "input_ids"),
                                        .labels = stored(in + "labels"),
                                        .starts = std::move(drawn.starts),
                                        .contrastive = std::move(drawn.contrastive),
                                        .transfer = std::move(drawn.transfer)});
  }
  train::StepTerms forward_backward(const train::StepInputs& inputs,
                                    train::MicroBatches&) override {
    train::MicroBatches whole(test::rows_at_once(inputs.at("ids").dim(0)));
    return models::run_step(model_, inputs, {}, whole);
  }

 private:
  const models::LanguageModel& model_;
};

class ReplayedImages final : public ReplayedTask {
 public:
  ReplayedImages(const test::Golden& golden, const models::ImageClassifier& model, Groups groups)
      : ReplayedTask(golden, model, std::move(groups)), model_(model) {}

  train::StepInputs draw(std::int64_t step) override {
    const std::string in = fmt::format("in.step{}.", step);
    // The reference's images are noise, which no bytes give.
    train::StepInputs inputs;
    inputs.add("images", stored(in + "images"));
    inputs.add("targets", stored(in + "targets"));
    models::add_step(inputs, model_, models::trained_extent(model_.config()), step, positions(in));
    return inputs;
  }
  train::StepTerms forward_backward(const train::StepInputs& inputs,
                                    train::MicroBatches&) override {
    const Tensor& images = inputs.at("images");
    train::MicroBatches whole(test::rows_at_once(images.dim(0)));
    return models::run_step(model_, images, inputs, {}, whole);
  }

 private:
  const models::ImageClassifier& model_;
};

/// out.NAME, one row a step.
class PerStep {
 public:
  PerStep(const test::Golden& golden, const std::string& name)
      : name_(name), values_(golden.tensor("out." + name, DType::f64)) {}
  double at(std::int64_t step, std::int64_t column = 0) const {
    return values_.data_as<double>()[step * columns() + column];
  }
  std::int64_t columns() const { return values_.numel() / values_.dim(0); }
  void expect(std::int64_t step, double ours, double bound) const {
    const double theirs = at(step);
    EXPECT_LE(std::abs(ours - theirs), bound * std::max(std::abs(theirs), 1e-13))
        << name_ << " of step " << step << ": " << ours << ", expected " << theirs;
  }

 private:
  std::string name_;
  Tensor values_;
};

void expect_update(const test::Golden& golden, const models::Config& config, std::int64_t step,
                   const train::Update& update, DType dtype) {
  const double bound = test::output_bound(dtype);
  PerStep(golden, "loss").expect(step, update.loss, bound);
  const bool transfers = golden.integers("out.transfer_used")[static_cast<std::size_t>(step)] == 1;
  ASSERT_EQ(update.terms.size(), 3u);
  for (const auto& [name, value] : update.terms) {
    ASSERT_EQ(value.has_value(), name != "transfer" || transfers) << name << " of step " << step;
    if (value) PerStep(golden, name + "_loss").expect(step, *value, bound);
  }
  const PerStep weights(golden, "loss_weights");
  const double factor = models::regulariser_warmup(config.seqpe, step);
  EXPECT_NEAR(weights.at(step, 0), factor * config.seqpe.contrastive.weight, 1e-12) << step;
  if (transfers) {
    EXPECT_NEAR(weights.at(step, 1), factor * config.seqpe.transfer.weight, 1e-12) << step;
  }
  for (const auto& [group, norm] : update.norms) {
    PerStep(golden, group == "model" ? "grad_norm" : group + "_grad_norm")
        .expect(step, norm, test::gradient_bound(dtype));
  }
}

/// Key biases whose gradient is zero by theory: AdamW turns their rounding noise into steps. Where
/// positions multiply queries and keys, the model's own are none.
bool is_noise(const std::string& name, std::int64_t index, std::int64_t size, models::Apply apply) {
  const bool multiplied = apply == models::Apply::attn_mul && !name.starts_with("encoder.");
  if (name.ends_with("c_attn.bias") || name.ends_with("qkv.bias"))
    return !multiplied && index >= size / 3 && index < 2 * size / 3;
  return name.ends_with("pe_qk.bias") && !multiplied && index >= size / 2;
}

void expect_final(const test::Golden& golden, const models::TaskModel& model) {
  const auto parameters = model.parameters();
  std::size_t stored = 0;
  for (const auto& entry : golden.file.entries()) stored += entry.name.starts_with("final.");
  EXPECT_EQ(stored, parameters.size());
  for (const nn::Parameter& parameter : parameters) {
    const Tensor expected = golden.file.tensor("final." + parameter.name);
    const Tensor ours = parameter.value.clone();
    for (std::int64_t i = 0; i < ours.numel(); ++i) {
      if (is_noise(parameter.name, i, ours.numel(), model.config().seqpe.apply))
        ours.data_as<double>()[i] = expected.data_as<double>()[i];
    }
    EXPECT_LE(test::relative_error(ours, expected), 1e-9) << parameter.name;
  }
}

void replay(const test::Golden& golden, const test::Where& where, const models::TaskModel& model,
            ReplayedTask& task, const train::TrainConfig& train) {
  test::load_parameters(golden, model.parameters(), where.dtype);
  model.move_to(where.device);
  train::Updater updater(task, train);
  const PerStep rates(golden, "learning_rate");
  const auto& file_groups = golden.config.at("train").at("groups");
  ASSERT_EQ(rates.columns(), static_cast<std::int64_t>(file_groups.size()));
  const std::int64_t steps = golden.config.at("train").at("steps");
  for (std::int64_t step = 0; step < steps; ++step) {
    expect_update(golden, model.config(), step, updater.start(step).wait(), where.dtype);
    for (std::size_t g = 0; g < file_groups.size(); ++g) {
      const std::string first = file_groups[g].at("parameters").at(0);
      const char* group = first.starts_with("encoder.") ? "encoder" : "model";
      // The file holds them as float32.
      EXPECT_NEAR(updater.learning_rate(group, step), rates.at(step, static_cast<std::int64_t>(g)),
                  1e-7 * train.groups.at("model").learning_rate)
          << group << " " << step;
    }
  }
  if (where.dtype == DType::f64) expect_final(golden, model);
}

void replay_text(const test::Golden& golden, const test::Where& where) {
  const Groups groups(golden.config.at("train").at("groups"));
  const models::LanguageModel model(
      model_config(golden.config),
      data::make_numbered_vocabulary(golden.config.at("model").at("vocab_size")), where.dtype);
  ReplayedText task(golden, model, groups);
  replay(golden, where, model, task, train_config(golden.config.at("train"), groups));
}

void replay_images(const test::Golden& golden, const test::Where& where) {
  const Groups groups(golden.config.at("train").at("groups"));
  const models::ImageClassifier model(model_config(golden.config), where.dtype);
  ReplayedImages task(golden, model, groups);
  train::TrainConfig train = train_config(golden.config.at("train"), groups);
  train.schedule_as_timm = true;
  replay(golden, where, model, task, train);
}

void replay_all(const char* room, void (*replay_one)(const test::Golden&, const test::Where&)) {
  for (const auto& path : test::golden_files(room, "training_")) {
    const test::Golden golden(path);
    for (const test::Where& where : test::everywhere()) {
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      replay_one(golden, where);
    }
  }
}

TEST(GoldenTraining, TextEveryStepAndTheEnd) {
  replay_all("text", replay_text);
}

TEST(GoldenTraining, ImagesEveryStepAndTheEnd) {
  replay_all("image", replay_images);
}

}  // namespace
}  // namespace seqpe
