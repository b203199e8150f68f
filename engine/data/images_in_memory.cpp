#include "engine/data/images_in_memory.h"

#include <algorithm>
#include <utility>

#include "engine/data/cifar10.h"
#include "engine/data/mnist_idx.h"

namespace seqpe::data {
namespace {

class ImagesInMemory : public ImageDataset {
 public:
  ImagesInMemory(LabeledImages images, std::vector<std::string> classes, std::string kind,
                 Split split)
      : images_(std::move(images)),
        classes_(std::move(classes)),
        kind_(std::move(kind)),
        split_(split) {}

  std::string kind() const override { return kind_; }
  std::string split() const override { return name_of(split_); }
  std::int64_t count() const override { return static_cast<std::int64_t>(images_.labels.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t index) const override {
    return images_.labels.at(static_cast<std::size_t>(index));
  }
  Image image(std::int64_t index) const override {
    const std::int64_t bytes = images_.height * images_.width * Image::channels;
    const auto begin = images_.pixels.begin() + index * bytes;
    return {images_.height, images_.width, {begin, begin + bytes}};
  }

 private:
  LabeledImages images_;
  std::vector<std::string> classes_;
  std::string kind_;
  Split split_;
};

}  // namespace

std::unique_ptr<ImageDataset> keep_in_memory(LabeledImages images, std::vector<std::string> classes,
                                             std::string kind, Split split) {
  for (const std::int64_t label : images.labels) {
    require<DataError>(label >= 0 && label < static_cast<std::int64_t>(classes.size()),
                       "[images] {}: expected labels from 0 to {}, got {}.", kind,
                       classes.size() - 1, label);
  }
  return std::make_unique<ImagesInMemory>(std::move(images), std::move(classes), std::move(kind),
                                          split);
}

std::unique_ptr<ImageDataset> open_cifar10(const std::filesystem::path& folder, Split split) {
  return keep_in_memory(
      read_cifar10(folder, split),
      {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"},
      "CIFAR-10", split);
}

std::unique_ptr<ImageDataset> open_mnist(const std::filesystem::path& folder, Split split) {
  LabeledImages images = read_mnist(folder, split);
  std::vector<std::int64_t> labels =
      read_mnist_labels(folder, split == Split::train ? Split::test : Split::train);
  labels.insert(labels.end(), images.labels.begin(), images.labels.end());
  const std::int64_t largest = *std::max_element(labels.begin(), labels.end());
  std::vector<std::string> classes;
  for (std::int64_t number = 0; number <= std::max<std::int64_t>(largest, 9); ++number)
    classes.push_back(std::to_string(number));
  return keep_in_memory(std::move(images), std::move(classes), "MNIST", split);
}

}  // namespace seqpe::data
