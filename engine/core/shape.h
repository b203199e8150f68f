// Shapes of tensors: row-major extents, outermost first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace seqpe {

using Shape = std::vector<std::int64_t>;

/// Number of elements; 1 for the empty shape (a scalar).
std::int64_t element_count(const Shape& shape);

/// "[8, 1024, 768]"
std::string to_string(const Shape& shape);

}  // namespace seqpe
