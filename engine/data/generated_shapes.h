// A data set made from numbers alone, on which position is everything: a red and a blue shape on a
// noisy ground, told apart by where the blue one lies as seen from the red one.
#pragma once

#include <cstdint>

#include "engine/data/image.h"

namespace seqpe::data {

/// Directions from the red shape to the blue one, clockwise: right, below right, below, below left,
/// left, above left, above, above right.
inline constexpr std::int64_t kGeneratedClasses = 8;
inline constexpr std::int64_t kLeastGeneratedSize = 16;

struct GeneratedImage {
  Image image;  // [size, size, 3]
  std::int64_t label = 0;
};

/// The label of generated_image(seed, index, any size), without the image. Throws Error
/// unless index >= 0.
std::int64_t generated_label(std::uint64_t seed, std::int64_t index);

/// Image number `index` of the data set `seed`, a function of both alone: the same everywhere,
/// whole numbers throughout. Numbers 8n to 8n + 7 hold each class once.
/// `size` scales the shapes and their places, not the ground's texture and noise, so a larger image
/// of the same number has the same label and, in patches of one size, a larger grid. Between the
/// shapes, whose kind, size and shade say nothing, an eighth of the side is free along an axis: a
/// patch of up to that side never shows both, so that the patches without their order do not tell
/// the class. Throws Error unless index >= 0 and size >= kLeastGeneratedSize.
GeneratedImage generated_image(std::uint64_t seed, std::int64_t index, std::int64_t size);

}  // namespace seqpe::data
