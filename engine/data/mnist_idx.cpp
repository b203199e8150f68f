#include "engine/data/mnist_idx.h"

#include <fmt/ranges.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "engine/io/file.h"
#include "engine/io/gzip.h"
#include "kernels/common/error.h"

namespace seqpe::data {
namespace {

// Over 3 times the largest set of this form (EMNIST by class, 547 MB); as RGB it takes 3 times
// more.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 31;

std::uint32_t big_endian(std::span<const std::byte> four) {
  std::uint32_t value = 0;
  for (const std::byte byte : four) value = value << 8 | std::to_integer<std::uint32_t>(byte);
  return value;
}

/// Bytes in `Dimensions` dimensions.
template <std::size_t Dimensions>
struct Idx {
  std::array<std::uint32_t, Dimensions> sizes{};
  std::vector<std::byte> file;
  std::span<const std::byte> elements;
};

template <std::size_t Dimensions>
Idx<Dimensions> read_one(const std::filesystem::path& path) {
  constexpr std::uint32_t kMagic = 0x0800 + Dimensions;  // 8: unsigned bytes
  constexpr std::size_t kHeader = 4 + 4 * Dimensions;
  Idx<Dimensions> idx;
  idx.file = io::read_file(path);
  const std::string name = path.string();
  if (io::is_gzip(idx.file)) idx.file = io::decompress_gzip(idx.file, name, kMaxFileBytes);
  const std::span<const std::byte> bytes = idx.file;
  require<DataError>(bytes.size() >= kHeader,
                     "[idx] {}: expected a header of {} bytes, got a file of {} bytes.", name,
                     kHeader, bytes.size());
  require<DataError>(big_endian(bytes.first(4)) == kMagic,
                     "[idx] {}: expected the magic number {:08x} ({} of bytes), got {:08x}.", name,
                     kMagic, Dimensions == 1 ? "a list" : "images", big_endian(bytes.first(4)));
  idx.elements = bytes.subspan(kHeader);
  std::size_t expected = 1;
  for (std::size_t i = 0; i < Dimensions; ++i) {
    idx.sizes[i] = big_endian(bytes.subspan(4 + 4 * i, 4));
    // 64 bits hold the limit times one more factor.
    if (expected <= kMaxFileBytes) expected *= idx.sizes[i];
  }
  require<DataError>(expected > 0, "[idx] {}: expected sizes of at least 1 in its header, got {}.",
                     name, fmt::join(idx.sizes, " x "));
  require<DataError>(expected <= kMaxFileBytes,
                     "[idx] {}: expected at most {} bytes behind its header, it tells of {}.", name,
                     kMaxFileBytes, fmt::join(idx.sizes, " x "));
  require<DataError>(expected == idx.elements.size(),
                     "[idx] {}: expected {} bytes behind its header, got {}.", name,
                     fmt::join(idx.sizes, " x "), idx.elements.size());
  return idx;
}

std::vector<std::int64_t> numbers_of(const Idx<1>& labels) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(labels.elements.size());
  for (const std::byte label : labels.elements)
    numbers.push_back(std::to_integer<std::int64_t>(label));
  return numbers;
}

/// The beginning of the names of a split's files.
std::string prefix_of(Split split) {
  return split == Split::train ? "train" : "t10k";
}

/// Without .gz.
std::filesystem::path label_file_of(const std::filesystem::path& folder, Split split) {
  return folder / (prefix_of(split) + "-labels-idx1-ubyte");
}

std::filesystem::path packed(const std::filesystem::path& path) {
  return path.string() + ".gz";
}

bool is_there(const std::filesystem::path& path) {
  std::error_code missing;
  return std::filesystem::exists(path, missing);
}

/// The file of this name, else that with .gz.
std::filesystem::path plain_or_packed(const std::filesystem::path& path) {
  if (is_there(path)) return path;
  require<DataError>(is_there(packed(path)),
                     "[idx] {}: there is no such file, nor with .gz. Hint: name MNIST's folder.",
                     path.string());
  return packed(path);
}

}  // namespace

LabeledImages read_idx(const std::filesystem::path& image_file,
                       const std::filesystem::path& label_file) {
  const Idx<3> images = read_one<3>(image_file);
  const Idx<1> labels = read_one<1>(label_file);
  require<DataError>(images.sizes[0] == labels.sizes[0],
                     "[idx] {} must hold a label for each image of {}: expected {}, got {}.",
                     label_file.string(), image_file.string(), images.sizes[0], labels.sizes[0]);
  LabeledImages set{images.sizes[1], images.sizes[2], {}, numbers_of(labels)};
  set.pixels.reserve(3 * images.elements.size());
  for (const std::byte gray : images.elements)
    set.pixels.insert(set.pixels.end(), 3, std::to_integer<std::uint8_t>(gray));
  return set;
}

LabeledImages read_mnist(const std::filesystem::path& folder, Split split) {
  const auto images = plain_or_packed(folder / (prefix_of(split) + "-images-idx3-ubyte"));
  return read_idx(images, plain_or_packed(label_file_of(folder, split)));
}

std::vector<std::int64_t> read_mnist_labels(const std::filesystem::path& folder, Split split) {
  const std::filesystem::path path = label_file_of(folder, split);
  if (!is_there(path) && !is_there(packed(path))) return {};
  return numbers_of(read_one<1>(plain_or_packed(path)));
}

}  // namespace seqpe::data
