// Ten optimiser steps of the reference: losses, gradient norms, learning rates and final
// parameters.
#include "engine/autograd/backward.h"
#include "engine/ops/rows.h"
#include "engine/optim/parameter_buffers.h"
#include "engine/optim/schedule.h"
#include "models/seqpe/losses.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

/// One value a step of a result.
double at_step(const test::Golden& golden, const std::string& name, std::int64_t step) {
  return golden.file.tensor("out." + name).data_as<double>()[step];
}

struct TrainingRun {
  TrainingRun(const std::filesystem::path& path, const test::Where& where)
      : golden(path), dtype(where.dtype), config(golden.config) {
    const auto& model = config.at("model");
    models::GptOptions options;
    options.layers = model.at("layers");
    options.width = model.at("width");
    options.heads = model.at("heads");
    options.vocab_size = model.at("vocab_size");
    options.layer_norm_eps = model.at("layer_norm_eps");
    options.dropout = {0.0, 0.0, 0.0};
    options.dtype = dtype;
    auto position = std::make_unique<models::SeqpePosition>(test::seqpe_options(config.at("seqpe")),
                                                            options.layers, options.width,
                                                            options.heads, dtype);
    seqpe = position.get();
    gpt = std::make_unique<models::Gpt>(options, std::move(position));
    parameters = gpt->parameters();
    for (const auto& parameter : seqpe->encoder().parameters()) parameters.push_back(parameter);
    test::load_parameters(golden, parameters, dtype);
    gpt->move_to(where.device);
    seqpe->encoder().move_to(where.device);
    // The groups of the file: each with its own weight decay, so a group of ours is one of theirs.
    const auto& groups = config.at("train").at("groups");
    for (nn::Parameter& parameter : parameters) {
      for (std::size_t g = 0; g < groups.size(); ++g) {
        for (const auto& name : groups[g].at("parameters")) {
          if (name == parameter.name) parameter.group = std::to_string(g);
        }
      }
    }
    buffers = optim::make_groups(parameters);
  }

  test::Golden golden;
  DType dtype;
  nlohmann::json config;
  models::SeqpePosition* seqpe = nullptr;
  std::unique_ptr<models::Gpt> gpt;
  std::vector<nn::Parameter> parameters;
  std::vector<optim::ParameterGroup> buffers;
};

void one_step(TrainingRun& run, std::int64_t step, double output_bound, double gradient_bound) {
  const test::Golden& golden = run.golden;
  const std::string in = fmt::format("in.step{}.", step);
  const auto& config = run.config;
  const std::int64_t length = config.at("model").at("train_length");
  std::vector<std::int64_t> all = golden.integers(in + "positions");
  const auto main_count = static_cast<std::int64_t>(all.size());
  const auto append = [&](const char* name) {
    const auto more = golden.integers(in + name);
    all.insert(all.end(), more.begin(), more.end());
    return static_cast<std::int64_t>(more.size());
  };
  const std::int64_t pivots = append("pivots"), candidates = append("candidates");
  const bool transfers = golden.has(in + "transfer_positions");
  EXPECT_EQ(transfers, golden.integers("out.transfer_used")[static_cast<std::size_t>(step)] == 1);
  if (transfers) append("transfer_positions");

  for (const auto& group : run.buffers) group.clear_gradients();
  const auto& encoder = run.seqpe->encoder();
  const Tensor embeddings = encoder.forward(all, {});
  const Tensor main = ops::slice_rows(embeddings, 0, main_count);
  Tensor leaf = main.detach().view({main_count / length, length, encoder.out_dim()});
  leaf.set_requires_grad();
  const Tensor ids = golden.file.tensor(in + "input_ids"),
               labels = golden.file.tensor(in + "labels");
  const auto task = run.gpt->loss(run.gpt->forward(ids, leaf, {}, {}), labels);
  autograd::backward(task.loss);

  const auto& contrastive_config = config.at("contrastive");
  const Tensor contrastive = models::contrastive_loss(
      ops::slice_rows(embeddings, main_count, main_count + pivots),
      ops::slice_rows(embeddings, main_count + pivots, main_count + pivots + candidates),
      golden.file.tensor(in + "contrastive_labels"), contrastive_config.at("heads"),
      contrastive_config.at("per_head"), contrastive_config.at("logit_scale"));
  std::vector<autograd::Root> roots{{main.view(leaf.shape()), leaf.grad()}};
  const double contrastive_weight = config.at("train").at("contrastive_weight");
  const double transfer_weight = config.at("train").at("transfer_weight");
  roots.push_back({contrastive, Tensor::full({1}, contrastive_weight, run.dtype)});
  double total = task.loss.item() + contrastive_weight * contrastive.item();
  const auto close = [](double ours, double theirs, double bound) {
    return std::abs(ours - theirs) <= bound * std::max(std::abs(theirs), 1e-13);
  };
  EXPECT_TRUE(close(task.loss.item(), at_step(golden, "task_loss", step), output_bound)) << step;
  EXPECT_TRUE(close(contrastive.item(), at_step(golden, "contrastive_loss", step), output_bound))
      << step;
  if (transfers) {
    models::TransferOptions options;
    options.per_head = config.at("transfer").at("per_head");
    options.logit_scale = config.at("transfer").at("logit_scale");
    options.beta = config.at("transfer").at("beta");
    const Tensor transfer = models::transfer_loss(
        ops::slice_rows(embeddings, 0, length),
        ops::slice_rows(embeddings, main_count + pivots + candidates, embeddings.dim(0)),
        golden.file.tensor(in + "transfer_indices"), config.at("transfer").at("heads"), options);
    EXPECT_TRUE(close(transfer.item(), at_step(golden, "transfer_loss", step), output_bound))
        << step;
    total += transfer_weight * transfer.item();
    roots.push_back({transfer, Tensor::full({1}, transfer_weight, run.dtype)});
  }
  EXPECT_TRUE(close(total, at_step(golden, "loss", step), output_bound)) << step;
  autograd::backward(roots);

  const auto& train = config.at("train");
  double squares[2] = {0, 0};
  for (const auto& group : run.buffers) {
    group.complete_gradients();
    const double norm = group.gradient_norm();
    squares[std::stoi(group.name()) >= 2] += norm * norm;
  }
  const double norms[2] = {std::sqrt(squares[0]), std::sqrt(squares[1])};
  EXPECT_TRUE(close(norms[0], at_step(golden, "grad_norm", step), gradient_bound)) << step;
  EXPECT_TRUE(close(norms[1], at_step(golden, "encoder_grad_norm", step), gradient_bound)) << step;
  for (auto& group : run.buffers) {
    const auto g = static_cast<std::size_t>(std::stoi(group.name()));
    const auto& settings = train.at("groups")[g];
    const auto& schedule = train.at("schedule");
    const double rate = optim::Schedule{.kind = optim::ScheduleKind::linear,
                                        .learning_rate = settings.at("learning_rate"),
                                        .warmup_steps = schedule.at("warmup_steps"),
                                        .steps = schedule.at("steps")}
                            .at(step);
    const double expected_rate = golden.file.tensor("out.learning_rate")
                                     .data_as<double>()[step * 4 + static_cast<std::int64_t>(g)];
    EXPECT_NEAR(rate, expected_rate, 1e-7 * 0.001);
    const double clip = train.at(g >= 2 ? "encoder_clip" : "clip");
    group.update({.learning_rate = rate, .weight_decay = settings.at("weight_decay")},
                 {settings.at("betas")[0], settings.at("betas")[1], settings.at("eps")}, step + 1,
                 optim::clip_factor(norms[g >= 2], clip));
  }
}

/// Key biases whose gradient is zero by theory: AdamW turns their rounding noise into steps.
bool is_noise(const std::string& name, std::int64_t index, std::int64_t size) {
  if (name.ends_with("c_attn.bias")) return index >= size / 3 && index < 2 * size / 3;
  return name.ends_with("pe_qk.bias") && index >= size / 2;
}

TEST(GoldenTraining, TenSteps) {
  for (const auto& path : test::golden_files("text", "training_")) {
    for (const test::Where& where : test::everywhere()) {
      const DType dtype = where.dtype;
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      TrainingRun run(path, where);
      const std::int64_t steps = run.config.at("train").at("steps");
      for (std::int64_t step = 0; step < steps; ++step) {
        one_step(run, step, test::output_bound(dtype), test::gradient_bound(dtype));
      }
      if (dtype != DType::f64) continue;
      for (const nn::Parameter& parameter : run.parameters) {
        const Tensor expected = run.golden.file.tensor("final." + parameter.name);
        const Tensor ours = parameter.value.clone();
        for (std::int64_t i = 0; i < ours.numel(); ++i) {
          if (is_noise(parameter.name, i, ours.numel()))
            ours.data_as<double>()[i] = expected.data_as<double>()[i];
        }
        EXPECT_LE(test::relative_error(ours, expected), 1e-9) << parameter.name;
      }
    }
  }
}

}  // namespace
}  // namespace seqpe
