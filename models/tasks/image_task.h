// Training of an image classifier on a data set.
#pragma once

#include <memory>
#include <optional>

#include "engine/data/image_loader.h"
#include "models/tasks/image_evaluation.h"
#include "models/tasks/image_step.h"

namespace seqpe::models {

/// The images that data.path names, or data.valid_path where `split` is test and it is not empty.
/// builtin:shapes are generated ones. Throws ConfigError where data.path is empty, DataError as
/// data::open_image_dataset.
std::shared_ptr<const data::ImageDataset> open_images(const Config& config, data::Split split,
                                                      const data::ImageProgress& progress = {});

/// The configuration with model.classes as many as `images` have. Throws ConfigError where it names
/// another number.
Config with_classes(Config config, const data::ImageDataset& images);

class ImageTask final : public train::Task {
 public:
  /// `ranks` must outlive this.
  ImageTask(const ImageClassifier& model, std::shared_ptr<const data::ImageDataset> training,
            std::shared_ptr<const data::ImageDataset> validation,
            dist::ProcessGroup& ranks = dist::single_process());

  const char* unit() const override { return "images"; }
  std::vector<nn::Parameter> parameters() const override { return model_.parameters(); }
  train::StepInputs draw(std::int64_t step) override;
  train::StepTerms forward_backward(const train::StepInputs& inputs,
                                    train::MicroBatches& micro_batches) override;
  /// The best checkpoint is that of the highest top-1.
  train::Evaluation evaluate(const train::OnEvaluated& on_evaluated) override;
  void save(const std::filesystem::path& directory) const override;
  void load(const std::filesystem::path& directory) override;

  /// Of the classes and the labels: pixels are read when they are needed.
  std::string data_fingerprint() const override;
  const train::Share& share() const { return share_; }
  const data::ImageDataset& training() const { return *training_; }
  const data::ImageDataset& validation() const { return *validation_; }
  /// The evaluation of the weights as they are; none after a step or another checkpoint.
  const std::optional<SizeEvaluation>& evaluated() const { return evaluated_; }
  /// What the training waited for images.
  double waited_seconds() const { return loader_.waited_seconds(); }

 private:
  const ImageClassifier& model_;
  dist::ProcessGroup& ranks_;
  train::Share share_;
  std::shared_ptr<const data::ImageDataset> training_, validation_;
  data::ImageLoader loader_;
  std::optional<TrainingSamplers> samplers_;  // of SeqPE alone
  std::optional<SizeEvaluation> evaluated_;
};

}  // namespace seqpe::models
