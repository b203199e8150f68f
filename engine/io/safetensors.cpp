#include "engine/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "engine/io/file.h"
#include "engine/io/json_error.h"

namespace seqpe::io {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kSizeBytes = 8;

const std::pair<const char*, DType> kNames[] = {{"F32", DType::f32},   {"F64", DType::f64},
                                                {"BF16", DType::bf16}, {"I32", DType::i32},
                                                {"I64", DType::i64},   {"U8", DType::u8}};

std::optional<DType> dtype_from(const std::string& name) {
  for (const auto& [known, dtype] : kNames) {
    if (name == known) return dtype;
  }
  return std::nullopt;
}

const char* format_name(DType dtype) {
  for (const auto& [name, known] : kNames) {
    if (known == dtype) return name;
  }
  return "?";
}

/// Parses the header and refuses names that occur twice, which a plain parse would silently merge,
/// and nesting that the format does not have, which printing would recurse into.
json parse_header(const std::string& file, const char* begin, const char* end) {
  constexpr int kMaxDepth = 3;  // {"name": {"shape": [1]}}
  std::set<std::string> names[kMaxDepth + 1];
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    require<CheckpointError>(depth <= kMaxDepth,
                             "[safetensors] {}: the header must have at most {} levels.", file,
                             kMaxDepth);
    if (event == json::parse_event_t::object_start && depth < kMaxDepth) names[depth + 1].clear();
    if (event == json::parse_event_t::key) {
      const auto name = parsed.get<std::string>();
      require<CheckpointError>(names[depth].insert(name).second,
                               "[safetensors] {}: the header has the key '{}' twice.", file, name);
    }
    return true;
  };
  json header;
  try {
    header = json::parse(begin, end, watch);
  } catch (const json::exception& error) {
    throw CheckpointError(
        fmt::format("[safetensors] {}: the header must be JSON: {}.", file, io::reason_of(error)));
  }
  require<CheckpointError>(header.is_object(),
                           "[safetensors] {}: the header must be a JSON object, got {}.", file,
                           header.type_name());
  return header;
}

struct Range {
  std::uint64_t begin, end;
};

SafetensorsEntry parse_entry(const std::string& file, const std::string& name, const json& value,
                             std::uint64_t data_bytes, Range& range) {
  const auto refuse = [&](const std::string& what) {
    throw CheckpointError(fmt::format("[safetensors] {}: tensor '{}': {}.", file, name, what));
  };
  const auto is_size = [](const json& number) { return number.is_number_unsigned(); };
  if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string() ||
      !value.contains("shape") || !value["shape"].is_array() || !value.contains("data_offsets") ||
      !value["data_offsets"].is_array() || value["data_offsets"].size() != 2 ||
      !std::all_of(value["shape"].begin(), value["shape"].end(), is_size) ||
      !std::all_of(value["data_offsets"].begin(), value["data_offsets"].end(), is_size)) {
    refuse("expected {dtype, shape, data_offsets: [begin, end]}, got " +
           value.dump().substr(0, 200));
  }
  SafetensorsEntry entry;
  entry.name = name;
  const auto dtype = dtype_from(value["dtype"].get<std::string>());
  if (!dtype)
    refuse("dtype must be F32, F64, BF16, I32, I64 or U8, got " +
           value["dtype"].get<std::string>());
  entry.dtype = *dtype;
  std::uint64_t bytes = size_of(*dtype);
  for (const json& extent : value["shape"]) {
    const auto size = extent.get<std::uint64_t>();
    constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
    if (size > kMax || (size != 0 && bytes > kMax / size))
      refuse(fmt::format("the shape {} is too large", value["shape"].dump().substr(0, 200)));
    bytes *= size;
    entry.shape.push_back(static_cast<std::int64_t>(size));
  }
  range = {value["data_offsets"][0].get<std::uint64_t>(),
           value["data_offsets"][1].get<std::uint64_t>()};
  if (range.begin > range.end || range.end > data_bytes) {
    refuse(fmt::format("bytes [{}, {}) must lie in the {} bytes of data", range.begin, range.end,
                       data_bytes));
  }
  if (range.end - range.begin != bytes) {
    refuse(fmt::format("{} {} needs {} bytes, data_offsets give {}", name_of(*dtype),
                       to_string(entry.shape), bytes, range.end - range.begin));
  }
  return entry;
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  SafetensorsFile file;
  file.path_ = path;
  file.bytes_ = read_file<CheckpointError>(path);
  const std::string shown = path.string();
  const auto size = file.bytes_.size();
  require<CheckpointError>(size >= kSizeBytes, "[safetensors] {}: needs at least {} bytes, has {}.",
                           shown, kSizeBytes, size);
  std::uint64_t header_bytes;
  std::memcpy(&header_bytes, file.bytes_.data(), kSizeBytes);
  require<CheckpointError>(
      header_bytes <= kMaxHeaderBytes && header_bytes <= size - kSizeBytes,
      "[safetensors] {}: the header's size must fit the file of {} bytes, got {}.", shown, size,
      header_bytes);
  const auto* text = reinterpret_cast<const char*>(file.bytes_.data()) + kSizeBytes;
  const json header = parse_header(shown, text, text + header_bytes);
  const std::byte* data = file.bytes_.data() + kSizeBytes + header_bytes;
  const std::uint64_t data_bytes = size - kSizeBytes - header_bytes;

  std::vector<std::pair<Range, SafetensorsEntry>> found;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      require<CheckpointError>(value.is_object(),
                               "[safetensors] {}: __metadata__ must be a JSON object, got {}.",
                               shown, value.type_name());
      for (const auto& [key, item] : value.items()) {
        require<CheckpointError>(item.is_string(),
                                 "[safetensors] {}: metadata '{}' must be a string, got {}.", shown,
                                 key, item.type_name());
        file.metadata_[key] = item.get<std::string>();
      }
      continue;
    }
    Range range{};
    SafetensorsEntry entry = parse_entry(shown, name, value, data_bytes, range);
    entry.data = {data + range.begin, static_cast<std::size_t>(range.end - range.begin)};
    found.emplace_back(range, std::move(entry));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.begin, a.first.end) < std::pair(b.first.begin, b.first.end);
  });
  std::uint64_t expected = 0;
  for (auto& [range, entry] : found) {
    require<CheckpointError>(
        range.begin == expected,
        "[safetensors] {}: tensor '{}' must begin at byte {} of the data (no holes, no overlaps), "
        "begins at {}.",
        shown, entry.name, expected, range.begin);
    expected = range.end;
    file.entries_.push_back(std::move(entry));
  }
  require<CheckpointError>(expected == data_bytes,
                           "[safetensors] {}: the tensors take {} bytes, the file has {}.", shown,
                           expected, data_bytes);
  return file;
}

bool SafetensorsFile::contains(const std::string& name) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const auto& entry) { return entry.name == name; });
}

const SafetensorsEntry& SafetensorsFile::at(const std::string& name) const {
  for (const SafetensorsEntry& entry : entries_) {
    if (entry.name == name) return entry;
  }
  throw CheckpointError(
      fmt::format("[safetensors] {}: there is no tensor '{}'.", path_.string(), name));
}

Tensor SafetensorsFile::tensor(const std::string& name) const {
  const SafetensorsEntry& entry = at(name);
  Tensor tensor = Tensor::empty(entry.shape, entry.dtype);
  std::memcpy(tensor.data(), entry.data.data(), entry.data.size());
  return tensor;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::uint64_t end = offset + tensor.bytes();
    require<CheckpointError>(!header.contains(name),
                             "[safetensors] {}: the tensor '{}' occurs twice.", path.string(),
                             name);
    header[name] = {{"dtype", format_name(tensor.dtype())},
                    {"shape", tensor.shape()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t header_bytes = text.size();
  FileWriter writer(path);
  writer.write(&header_bytes, kSizeBytes);
  writer.write(text.data(), text.size());
  for (const auto& [name, tensor] : tensors)
    writer.write(tensor.to(Device::cpu).data(), tensor.bytes());
  writer.close();
}

void read_safetensors_into(const std::vector<std::pair<std::string, Tensor>>& tensors,
                           const SafetensorsFile& file, const std::vector<std::string>& also) {
  const std::string path = file.path().string();
  std::set<std::string> known(also.begin(), also.end());
  for (const auto& [name, tensor] : tensors) {
    const SafetensorsEntry& entry = file.at(name);
    require<CheckpointError>(entry.shape == tensor.shape(),
                             "[checkpoint] {}: '{}' must have shape {}, has {}.", path, name,
                             to_string(tensor.shape()), to_string(entry.shape));
    require<CheckpointError>(is_floating(entry.dtype),
                             "[checkpoint] {}: '{}' must be f32, f64 or bf16, is {}.", path, name,
                             name_of(entry.dtype));
    known.insert(name);
  }
  for (const SafetensorsEntry& entry : file.entries()) {
    require<CheckpointError>(
        known.contains(entry.name),
        "[checkpoint] {}: the model has no parameter '{}'. Hint: is it of another model?", path,
        entry.name);
  }
  for (const auto& [name, tensor] : tensors) tensor.copy_from(file.tensor(name).to(tensor.dtype()));
}

}  // namespace seqpe::io
