// PNG files by libpng.
#pragma once

#include <filesystem>
#include <string>

#include "engine/data/image.h"

namespace seqpe::data {

/// The bytes of a file of 8-bit RGB. Throws DataError with `name` and the reason.
std::string encode_png(const Image& image, const std::string& name);

/// Writes such a file whole or not at all (io::write_file_atomic).
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace seqpe::data
