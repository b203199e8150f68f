#include "engine/data/fingerprint.h"

#include <fmt/format.h>

#include "engine/io/sha256.h"

namespace seqpe::data {

std::string fingerprint(const Chunks& chunks) {
  std::string all;
  for (const auto& chunk : chunks) all += io::sha256(chunk.data(), chunk.size() * sizeof(chunk[0]));
  return io::sha256(all.data(), all.size());
}

std::string fingerprint(const ImageDataset& images) {
  std::string all;
  for (const std::string& name : images.classes()) all += name + "\n";
  for (std::int64_t i = 0; i < images.count(); ++i) all += fmt::format("{} ", images.label(i));
  return io::sha256(all.data(), all.size());
}

}  // namespace seqpe::data
