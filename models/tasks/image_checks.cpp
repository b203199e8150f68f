#include "models/tasks/image_checks.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/core/warning.h"
#include "models/tasks/class_names.h"

namespace seqpe::models {
namespace {

constexpr std::size_t kNamedClasses = 10;

void check_sizes(const Config& config, const data::ImageDataset& validation) {
  for (const data::EvaluationSize& size : evaluation_sizes(config)) {
    if (std::max(size.rows, size.columns) > data::kLargestUncroppedSize) continue;
    const data::Image first = validation.image(0);
    require<DataError>(first.height == size.rows && first.width == size.columns,
                       "[data] eval.sizes {}: the validation images must have that size (they are "
                       "resized at sizes above {} only), the first has height {} and width {}.",
                       text_of(size), data::kLargestUncroppedSize, first.height, first.width);
  }
}

void warn_of_empty_classes(const data::ImageDataset& training) {
  const std::vector<std::string>& names = training.classes();
  std::vector<bool> has_image(names.size());
  for (std::int64_t i = 0; i < training.count(); ++i)
    has_image[static_cast<std::size_t>(training.label(i))] = true;
  std::vector<std::string> named;
  for (std::size_t label = 0; label < names.size(); ++label) {
    if (!has_image[label]) named.push_back("'" + names[label] + "'");
  }
  const std::size_t empty = named.size();
  if (empty == 0) return;
  named.resize(std::min(empty, kNamedClasses));
  warn(fmt::format("[data] {} of {} classes {} no training image: {}{}.", empty, names.size(),
                   empty == 1 ? "has" : "have", fmt::join(named, ", "),
                   empty > named.size() ? fmt::format(" and {} more", empty - named.size()) : ""));
}

}  // namespace

void warn_of_seen_images(const Config& config, const data::ImageDataset& validation) {
  const DataConfig& data = config.data;
  const bool same_path = data.valid_path.empty() || data.valid_path == data.path;
  // A cache holds one split, whichever is asked for.
  const bool one_split = validation.kind() == "cache" || validation.split() == "all";
  if (same_path && one_split) {
    warn(
        fmt::format("[data] {} has one split: the validation images are the training images. Hint: "
                    "data.valid_path names others.",
                    data.path));
  } else if (validation.split() == name_of(data::Split::train)) {
    warn(fmt::format("[data] data.valid_path {} holds training images, by its split `train`.",
                     data.valid_path));
  }
}

void check_images(const Config& config, const data::ImageDataset& training,
                  const data::ImageDataset& validation) {
  const std::string other = other_class({training.classes(), "the training images"},
                                        {validation.classes(), "the validation images"});
  require<DataError>(
      other.empty(),
      "[data] the validation images must have the classes of the training images, by "
      "their names: {}.",
      other);
  check_sizes(config, validation);
  warn_of_empty_classes(training);
  warn_of_seen_images(config, validation);
  const std::int64_t side = training.shorter_side();
  if (side > 0 && config.model.image > side) {
    warn(
        fmt::format("[data] the training images were scaled down to a shorter side of {}, "
                    "model.image {} enlarges them. Hint: `data prepare` with a longer "
                    "--shorter-side.",
                    side, config.model.image));
  }
}

}  // namespace seqpe::models
