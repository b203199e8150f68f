// train vit
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/core/warning.h"
#include "engine/data/contact_sheet.h"
#include "engine/data/png_encoding.h"
#include "engine/train/progress.h"
#include "models/tasks/image_checks.h"
#include "models/tasks/image_files.h"
#include "models/tasks/image_task.h"
#include "tools/seqpe_engine/image_sizes.h"
#include "tools/seqpe_engine/training.h"

namespace seqpe::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kContactSheet = "images.png";
constexpr std::int64_t kShownImages = 64, kShownColumns = 16;

class VitTraining final : public Training {
 public:
  VitTraining(const models::Config& config, std::shared_ptr<const data::ImageDataset> images,
              std::shared_ptr<const data::ImageDataset> validation)
      : images_(std::move(images)),
        validation_(std::move(validation)),
        model_(models::with_classes(config, *images_)) {}

  const models::ImageClassifier& model() const override { return model_; }
  void open(dist::ProcessGroup& ranks) override {
    task_.emplace(model_, images_, validation_, ranks);
    watch_ = {};
  }
  models::ImageTask& task() override { return *task_; }

  StepSize step_size(Device) const override {
    const models::Config& config = model_.config();
    const std::int64_t batch = config.train.batch_size, image = config.model.image,
                       patches = models::place_count(models::trained_extent(config));
    return {.told = fmt::format("{} images of {} x {}, {} training images in {} classes", batch,
                                image, image, images_->count(), config.model.classes),
            .tokens = task_->share().micro_batch * (1 + patches),
            // The bytes of the batch and of two that are prepared ahead, and what the model takes.
            .bytes = static_cast<double>(batch * models::Vit::kChannels * image * image) *
                     (3.0 + sizeof(float))};
  }
  double seconds() const { return watch_.seconds(); }
  void load(const fs::path& weights) const override {
    const std::string other = models::other_class(images_->classes(), weights);
    if (!other.empty()) warn("[train] the weights are those of other classes: " + other + ".");
    models::load_weights(model_, weights);
  }
  void check_same(const fs::path& checkpoint) const override {
    models::check_same_configuration(model_, checkpoint);
    models::check_same_classes(images_->classes(), checkpoint);
  }

 private:
  std::shared_ptr<const data::ImageDataset> images_, validation_;
  models::ImageClassifier model_;
  std::optional<models::ImageTask> task_;
  train::Stopwatch watch_;  // since it was opened
};

/// Images as training sees them: cropped, flipped, changed, not yet mixed.
data::Image shown_images(const models::Config& config, const data::ImageDataset& images) {
  const auto options = config.data.augment.training_options(config.model.image);
  std::vector<data::Image> shown;
  for (std::int64_t i = 0; i < std::min(kShownImages, images.count()); ++i) {
    const data::Image image = images.image(i);
    auto generator = data::image_training_generator(static_cast<std::uint64_t>(config.train.seed),
                                                    0, static_cast<std::uint64_t>(i));
    const auto draws = data::draw_image_training(image.height, image.width, options, generator);
    shown.push_back(data::training_image(image, config.model.image, draws));
  }
  return data::contact_sheet(shown, kShownColumns);
}

class VitTrainings final : public TrainingKind {
 public:
  const char* name() const override { return "vit"; }
  models::TaskKind task() const override { return models::TaskKind::vit; }
  const char* quick_start() const override { return "quickstart_vit"; }

  std::unique_ptr<Training> make(const models::Config& config, train::Log& log) override {
    // Rivals take the same images.
    if (!training_) {
      train::EvaluationProgress progress(log, "decoding images");
      training_ = models::open_images(config, data::Split::train, progress);
      validation_ = models::open_images(config, data::Split::test, progress);
      log.clear();
      models::check_images(config, *training_, *validation_);
    }
    return std::make_unique<VitTraining>(config, training_, validation_);
  }

  void evaluate(Training& training, train::Log& log, dist::ProcessGroup& ranks) override {
    auto& trained = static_cast<VitTraining&>(training);
    const models::ImageTask& task = trained.task();
    log.say(fmt::format("waited for images {:.1f} s, {:.1f} % of the training",
                        task.waited_seconds(), 100 * task.waited_seconds() / trained.seconds()));
    table_.emplace_back(
        trained.model().config().model.position,
        evaluate_sizes(trained.model(), task.validation(), log, task.evaluated(), ranks));
  }

  void print(const models::Config& config, const fs::path& run) const override {
    if (table_.empty()) return;
    fmt::print("Top-1 accuracy in % on {} images by their size (trained at {}):\n\n{}\n",
               validation_->count(), config.model.image, accuracy_table(table_));
    data::write_png(run / kContactSheet, shown_images(config, *training_));
    fmt::print("Images as the model saw them{}: {}\n",
               config.data.augment.mixup_options() ? ", before they were mixed" : "",
               (run / kContactSheet).string());
  }
  void check_finite() const override {
    for (const auto& [name, results] : table_) require_finite(results);
  }

 private:
  std::shared_ptr<const data::ImageDataset> training_, validation_;
  std::vector<std::pair<std::string, std::vector<SizeResult>>> table_;
};

}  // namespace

std::unique_ptr<TrainingKind> image_training() {
  return std::make_unique<VitTrainings>();
}

}  // namespace seqpe::tools
