// Many images as one, to look at.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/image.h"

namespace seqpe::data {

/// The images row by row, so many in a row, `gap` white pixels between them and around them. Each
/// has the place of the largest height and width, at its top left. Throws Error without an image,
/// or if columns < 1 or gap < 0.
Image contact_sheet(const std::vector<Image>& images, std::int64_t columns, std::int64_t gap = 2);

}  // namespace seqpe::data
