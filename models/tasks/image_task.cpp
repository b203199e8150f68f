#include "models/tasks/image_task.h"

#include <algorithm>

#include "engine/data/fingerprint.h"
#include "engine/data/generated_dataset.h"
#include "models/tasks/image_files.h"

namespace seqpe::models {
namespace {

constexpr const char* kShapes = "builtin:shapes";
constexpr std::int64_t kTrainingShapes = 16384, kTestShapes = 1024;

data::ImageLoaderOptions loader_options(const Config& config, const train::Share& share) {
  return {.batch_size = config.train.batch_size,
          .first_row = share.begin,
          .rows = share.rows(),
          .training = config.data.augment.training_options(config.model.image),
          .mixup = config.data.augment.mixup_options(),
          .label_smoothing = config.data.augment.label_smoothing,
          .classes = config.model.classes,
          .seed = static_cast<std::uint64_t>(config.train.seed),
          .workers = static_cast<int>(config.data.workers)};
}

/// Images are mixed in pairs, of which a rank must hold both.
train::Share whole_pairs(const train::Share& share, const Config& config) {
  require<ConfigError>(
      share.rows() == share.batch || share.rows() % 2 == 0 || !config.data.augment.mixup_options(),
      "[config] train.batch_size must give each process an even number of images "
      "(mixup, CutMix), got {} for each of {}.",
      share.rows(), share.batch / share.rows());
  return share;
}

}  // namespace

std::shared_ptr<const data::ImageDataset> open_images(const Config& config, data::Split split,
                                                      const data::ImageProgress& progress) {
  const DataConfig& data = config.data;
  require<ConfigError>(!data.path.empty(),
                       "[config] data.path must name the training images, it is empty.");
  const bool is_test = split == data::Split::test;
  const std::string& path = is_test && !data.valid_path.empty() ? data.valid_path : data.path;
  if (path == kShapes)
    return data::generated_dataset(split, is_test ? kTestShapes : kTrainingShapes,
                                   config.model.image);
  require<ConfigError>(!path.starts_with("builtin:"),
                       "[config] {} {} names no generated images, there are {} alone.",
                       &path == &data.path ? "data.path" : "data.valid_path", path, kShapes);
  return data::open_image_dataset(path, split, data.bad_image, progress);
}

Config with_classes(Config config, const data::ImageDataset& images) {
  const auto classes = static_cast<std::int64_t>(images.classes().size());
  require<ConfigError>(config.model.classes == 0 || config.model.classes == classes,
                       "[config] model.classes must be the {} of the data, got {}.", classes,
                       config.model.classes);
  config.model.classes = classes;
  return config;
}

ImageTask::ImageTask(const ImageClassifier& model,
                     std::shared_ptr<const data::ImageDataset> training,
                     std::shared_ptr<const data::ImageDataset> validation,
                     dist::ProcessGroup& ranks)
    : model_(model),
      ranks_(ranks),
      share_(whole_pairs(share_of_rank(model, ranks), model.config())),
      training_(std::move(training)),
      validation_(std::move(validation)),
      loader_(training_, loader_options(model.config(), share_)),
      samplers_(training_samplers(model, trained_extent(model.config()), share_)) {}

std::string ImageTask::data_fingerprint() const {
  return data::fingerprint(*training_) + data::fingerprint(*validation_);
}

train::StepInputs ImageTask::draw(std::int64_t step) {
  evaluated_.reset();  // here, where every step comes by: a device may play the rest
  const data::ImageBatch batch = loader_.next(step);
  ImageStep out{.step = step,
                .pixels = batch.pixels,
                .placements = batch.placements,
                .mix = batch.mix,
                .targets = batch.targets,
                .positions = {}};
  if (samplers_)
    out.positions = sample_step(*samplers_, trained_extent(model_.config()), step, share_);
  return step_inputs(model_, out);
}

train::StepTerms ImageTask::forward_backward(const train::StepInputs& inputs,
                                             train::MicroBatches& micro_batches) {
  return run_step(model_, inputs, training_pass(model_), micro_batches);
}

train::Evaluation ImageTask::evaluate(const train::OnEvaluated& on_evaluated) {
  const Config& config = model_.config();
  evaluated_ = evaluate_size(model_, *validation_, evaluation_sizes(config)[0],
                             static_cast<int>(std::max<std::int64_t>(1, config.data.workers)),
                             on_evaluated, ranks_);
  return {{evaluated_->row()}, 1.0 - evaluated_->top1};
}

void ImageTask::save(const std::filesystem::path& directory) const {
  save_image_classifier(model_, training_->classes(), directory);
}

void ImageTask::load(const std::filesystem::path& directory) {
  check_same_configuration(model_, directory);
  check_same_classes(training_->classes(), directory);
  warn_of_other_data(model_, directory);
  load_weights(model_, directory);
  evaluated_.reset();
}

}  // namespace seqpe::models
