// The safetensors format: 8 bytes little-endian header size, a JSON header, then the tensors'
// bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/core/tensor.h"

namespace seqpe::io {

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::span<const std::byte> data;
};

/// A file read and checked as a whole: every range lies in the file, ranges neither overlap nor
/// leave holes, sizes fit the shapes, no name occurs twice. Throws CheckpointError with the file,
/// the tensor, what was expected and found.
class SafetensorsFile {
 public:
  static SafetensorsFile open(const std::filesystem::path& path);

  // The entries point into the bytes: a move takes both along, a copy would point into the first.
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;
  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// In the order of their bytes.
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  bool contains(const std::string& name) const;
  const SafetensorsEntry& at(const std::string& name) const;
  /// A copy of an entry as a tensor.
  Tensor tensor(const std::string& name) const;

 private:
  SafetensorsFile() = default;

  std::filesystem::path path_;
  std::vector<std::byte> bytes_;
  std::map<std::string, std::string> metadata_;
  std::vector<SafetensorsEntry> entries_;
};

/// Writes named tensors, of any device, in the given order, synced to disk. Throws Error if the
/// file cannot be written.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Copies the file's tensors into those of the same names, converted to their dtype and device.
/// Throws CheckpointError with the file and the name, and leaves all as they are, unless it holds
/// these, floating and in these shapes, and no others but those of `also`.
void read_safetensors_into(const std::vector<std::pair<std::string, Tensor>>& tensors,
                           const SafetensorsFile& file, const std::vector<std::string>& also = {});

}  // namespace seqpe::io
