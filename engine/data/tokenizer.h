// Text to token ids and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace seqpe::data {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// `special`: the literal <|endoftext|> is one token, where the vocabulary has it; else it is
  /// ordinary text.
  virtual std::vector<std::int32_t> encode(std::string_view text, bool special = true) const = 0;
  /// The bytes of a token. Throws DataError for an id outside the vocabulary.
  virtual std::string_view bytes_of(std::int32_t id) const = 0;
  virtual std::int64_t vocab_size() const = 0;
  /// Writes what load_tokenizer(directory) needs.
  virtual void save(const std::filesystem::path& directory) const = 0;

  /// The bytes of all tokens, joined. They need not be valid UTF-8.
  std::string decode(std::span<const std::int32_t> ids) const;
  /// A token that begins a word: its bytes begin with a space.
  bool begins_with_space(std::int32_t id) const;
};

/// Every byte is a token: vocabulary 256, no end-of-text.
std::unique_ptr<Tokenizer> make_byte_tokenizer();

/// No text: the tokens are numbers that were drawn or given. encode gives none, save writes
/// nothing.
std::unique_ptr<Tokenizer> make_numbered_vocabulary(std::int64_t size);

/// GPT-2's byte-level BPE from vocab.json and merges.txt in `directory`.
std::unique_ptr<Tokenizer> load_gpt2_tokenizer(const std::filesystem::path& directory);

/// True if `directory` holds the files of a tokenizer.
bool holds_tokenizer(const std::filesystem::path& directory);

/// "bytes", or a folder with tokenizer files.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& spec);

}  // namespace seqpe::data
