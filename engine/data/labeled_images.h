// A data set of images of one size, whole in memory.
#pragma once

#include <cstdint>
#include <vector>

namespace seqpe::data {

enum class Split : std::uint8_t { train, test };

constexpr const char* name_of(Split split) {
  return split == Split::train ? "train" : "test";
}

struct LabeledImages {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // [N, H, W, 3]
  std::vector<std::int64_t> labels;  // [N]
};

}  // namespace seqpe::data
