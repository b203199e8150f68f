#include "tools/seqpe_engine/bench_objectives.h"

#include <optional>

#include "engine/core/random.h"
#include "engine/ops/image_batch.h"
#include "models/tasks/image_step.h"
#include "models/tasks/lm_task.h"

namespace seqpe::tools {
namespace {

constexpr std::int64_t kClasses = 1000;  // of ImageNet-1k

class RandomImages final : public train::Objective {
 public:
  RandomImages(const models::ImageClassifier& model, const dist::ProcessGroup& ranks)
      : model_(model),
        share_(models::share_of_rank(model, ranks)),
        samplers_(
            models::training_samplers(model, models::trained_extent(model.config()), share_)) {
    const models::Config& config = model.config();
    const std::int64_t batch = share_.rows(), size = config.model.image,
                       classes = config.model.classes;
    PhiloxGenerator random({.seed = 1});
    drawn_.pixels = Tensor::empty({batch, size, size, models::Vit::kChannels}, DType::u8);
    for (std::uint8_t& value : drawn_.pixels.span<std::uint8_t>())
      value = static_cast<std::uint8_t>(random.next_u32());
    drawn_.placements.resize(static_cast<std::size_t>(batch));
    for (std::size_t i = 1; i < drawn_.placements.size(); i += 2) drawn_.placements[i].flipped = 1;
    drawn_.mix = {.own_share = 0.5F, .partner_share = 0.5F};
    drawn_.targets = Tensor::zeros({batch, classes}, DType::f32);
    for (std::int64_t row = 0; row < batch; ++row)
      drawn_.targets.data_as<float>()[row * classes + random.uniform_int(classes)] = 1;
  }

  const char* unit() const override { return "images"; }
  std::vector<nn::Parameter> parameters() const override { return model_.parameters(); }
  train::StepInputs draw(std::int64_t step) override {
    models::ImageStep out = drawn_;
    out.step = step;
    if (samplers_)
      out.positions =
          models::sample_step(*samplers_, models::trained_extent(model_.config()), step, share_);
    return step_inputs(model_, out);
  }
  train::StepTerms forward_backward(const train::StepInputs& inputs,
                                    train::MicroBatches& micro_batches) override {
    return run_step(model_, inputs, models::training_pass(model_), micro_batches);
  }

 private:
  const models::ImageClassifier& model_;
  train::Share share_;
  models::ImageStep drawn_;                           // without step and positions
  std::optional<models::TrainingSamplers> samplers_;  // of SeqPE alone
};

}  // namespace

BenchObjective language_model_objective(const models::Config& config, std::int64_t vocab_size,
                                        dist::ProcessGroup& ranks) {
  const std::int64_t tokens = config.train.batch_size * config.data.block_size;
  auto model = std::make_unique<models::LanguageModel>(random_language_model(config, vocab_size));
  auto task = std::make_unique<models::LmTask>(*model, random_tokens(vocab_size, tokens + 1),
                                               data::Chunks{}, ranks);
  return {std::move(model), std::move(task), tokens};
}

BenchObjective image_objective(models::Config config, dist::ProcessGroup& ranks) {
  if (config.model.classes == 0) config.model.classes = kClasses;
  const Device device = use_device(config);
  auto model = std::make_unique<models::ImageClassifier>(config);
  model->initialize(static_cast<std::uint64_t>(config.train.seed));
  model->move_to(device);
  auto objective = std::make_unique<RandomImages>(*model, ranks);
  return {std::move(model), std::move(objective), config.train.batch_size};
}

}  // namespace seqpe::tools
