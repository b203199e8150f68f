#include "engine/data/generated_dataset.h"

#include "engine/data/generated_shapes.h"

namespace seqpe::data {
namespace {

class GeneratedDataset final : public ImageDataset {
 public:
  GeneratedDataset(Split split, std::int64_t count, std::int64_t size)
      : split_(split), count_(count), size_(size) {}

  std::string kind() const override { return "generated shapes"; }
  std::string split() const override { return name_of(split_); }
  std::int64_t count() const override { return count_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t index) const override { return generated_label(seed(), index); }
  Image image(std::int64_t index) const override {
    return generated_image(seed(), index, size_).image;
  }

 private:
  std::uint64_t seed() const { return split_ == Split::train ? 1 : 2; }

  Split split_;
  std::int64_t count_, size_;
  std::vector<std::string> classes_{"right", "below right", "below", "below left",
                                    "left",  "above left",  "above", "above right"};
};

}  // namespace

std::unique_ptr<ImageDataset> generated_dataset(Split split, std::int64_t count,
                                                std::int64_t size) {
  return std::make_unique<GeneratedDataset>(split, count, size);
}

}  // namespace seqpe::data
