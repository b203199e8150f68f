#include "engine/data/tokenizer.h"

#include <array>

#include "engine/io/file.h"
#include "engine/io/filesystem_errors.h"

namespace seqpe::data {
namespace {

constexpr const char* kByteMarker = "byte_tokenizer.json";

class ByteTokenizer final : public Tokenizer {
 public:
  ByteTokenizer() {
    for (int byte = 0; byte < 256; ++byte)
      bytes_[static_cast<std::size_t>(byte)] = static_cast<char>(byte);
  }
  std::vector<std::int32_t> encode(std::string_view text, bool) const override {
    std::vector<std::int32_t> ids;
    ids.reserve(text.size());
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string_view bytes_of(std::int32_t id) const override {
    require<DataError>(id >= 0 && id < 256, "[tokenizer] token ids must lie in [0, 256), got {}.",
                       id);
    return {&bytes_[static_cast<std::size_t>(id)], 1};
  }
  std::int64_t vocab_size() const override { return 256; }
  void save(const std::filesystem::path& directory) const override {
    io::write_file_atomic(directory / kByteMarker, "{\"type\": \"bytes\", \"vocab_size\": 256}\n");
  }

 private:
  std::array<char, 256> bytes_{};
};

class NumberedVocabulary final : public Tokenizer {
 public:
  explicit NumberedVocabulary(std::int64_t size) : size_(size) {}
  std::vector<std::int32_t> encode(std::string_view, bool) const override { return {}; }
  std::string_view bytes_of(std::int32_t) const override { return {}; }
  std::int64_t vocab_size() const override { return size_; }
  void save(const std::filesystem::path&) const override {}

 private:
  std::int64_t size_;
};

}  // namespace

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string text;
  for (const std::int32_t id : ids) text += bytes_of(id);
  return text;
}

bool Tokenizer::begins_with_space(std::int32_t id) const {
  return bytes_of(id).starts_with(' ');
}

std::unique_ptr<Tokenizer> make_byte_tokenizer() {
  return std::make_unique<ByteTokenizer>();
}

std::unique_ptr<Tokenizer> make_numbered_vocabulary(std::int64_t size) {
  return std::make_unique<NumberedVocabulary>(size);
}

bool holds_tokenizer(const std::filesystem::path& directory) {
  return io::with_filesystem_errors_as<DataError>("tokenizer", [&] {
    return std::filesystem::exists(directory / kByteMarker) ||
           std::filesystem::exists(directory / "vocab.json");
  });
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& spec) {
  if (spec == "bytes") return make_byte_tokenizer();
  const std::filesystem::path directory = spec;
  const bool has_marker = io::with_filesystem_errors_as<DataError>("tokenizer", [&] {
    require<DataError>(std::filesystem::is_directory(directory),
                       "[tokenizer] data.tokenizer must be 'bytes' or a folder with vocab.json and "
                       "merges.txt, got '{}'.",
                       spec);
    return std::filesystem::exists(directory / kByteMarker);
  });
  if (has_marker) return make_byte_tokenizer();
  return load_gpt2_tokenizer(directory);
}

}  // namespace seqpe::data
