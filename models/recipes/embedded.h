// The files that cmake/EmbedFiles.cmake put into the binary.
#pragma once

#include <span>
#include <string_view>

namespace seqpe::models {

struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

std::span<const EmbeddedFile> embedded_files();

}  // namespace seqpe::models
