// GPT-2's byte-level BPE (Radford et al., 2019; Sennrich et al., 2016): words are sequences of
// bytes, the pair with the lowest rank is merged first.
#include <mutex>
#include <nlohmann/json.hpp>
#include <queue>
#include <unordered_map>

#include "engine/data/pretokenizer.h"
#include "engine/data/tokenizer.h"
#include "engine/io/file.h"
#include "engine/io/json_error.h"

namespace seqpe::data {
namespace {

constexpr std::string_view kEndOfText = "<|endoftext|>";

/// GPT-2 writes bytes as printable characters: those that are printable in Latin-1 stand for
/// themselves, the others for U+0100 onwards in order. Returns the byte of each such code point.
std::unordered_map<std::uint32_t, char> byte_of_code_point() {
  std::unordered_map<std::uint32_t, char> bytes;
  std::uint32_t next = 256;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    bytes[printable ? byte : next++] = static_cast<char>(byte);
  }
  return bytes;
}

class Gpt2Tokenizer final : public Tokenizer {
 public:
  explicit Gpt2Tokenizer(const std::filesystem::path& directory)
      : vocab_text_(io::read_text(directory / "vocab.json")),
        merges_text_(io::read_text(directory / "merges.txt")) {
    read_vocab((directory / "vocab.json").string());
    read_merges((directory / "merges.txt").string());
  }

  std::vector<std::int32_t> encode(std::string_view text, bool special) const override {
    std::vector<std::int32_t> ids;
    while (special && end_of_text_) {
      const std::size_t found = text.find(kEndOfText);
      if (found == std::string_view::npos) break;
      encode_ordinary(text.substr(0, found), ids);
      ids.push_back(*end_of_text_);
      text.remove_prefix(found + kEndOfText.size());
    }
    encode_ordinary(text, ids);
    return ids;
  }

  std::string_view bytes_of(std::int32_t id) const override {
    require<DataError>(id >= 0 && id < vocab_size(),
                       "[tokenizer] token ids must lie in [0, {}), got {}.", vocab_size(), id);
    return tokens_[static_cast<std::size_t>(id)];
  }
  std::int64_t vocab_size() const override { return static_cast<std::int64_t>(tokens_.size()); }

  void save(const std::filesystem::path& directory) const override {
    io::write_file_atomic(directory / "vocab.json", vocab_text_);
    io::write_file_atomic(directory / "merges.txt", merges_text_);
  }

 private:
  struct Merge {
    std::int32_t rank, id;
  };
  static std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }

  std::string to_bytes(const std::string& printable, const std::string& file) const {
    static const auto bytes = byte_of_code_point();
    std::string out;
    for (std::size_t i = 0; i < printable.size(); ++i) {
      // All of them are ASCII or two bytes of UTF-8.
      auto code = static_cast<std::uint32_t>(static_cast<unsigned char>(printable[i]));
      const unsigned char next =
          i + 1 < printable.size() ? static_cast<unsigned char>(printable[i + 1]) : 0;
      if (code >= 0x80) {
        const bool two_bytes = code >= 0xc2 && code < 0xe0 && (next & 0xc0) == 0x80;
        code = two_bytes ? (code & 0x1f) << 6 | (next & 0x3f) : 0;
        ++i;
      }
      const auto found = bytes.find(code);
      require<DataError>(found != bytes.end(),
                         "[tokenizer] {}: '{}' holds a character that stands for no byte.", file,
                         printable);
      out += found->second;
    }
    return out;
  }

  void read_vocab(const std::string& file) {
    nlohmann::json vocab;
    try {
      vocab = nlohmann::json::parse(vocab_text_);
    } catch (const nlohmann::json::exception& error) {
      throw DataError(fmt::format("[tokenizer] {}: must be JSON: {}.", file, io::reason_of(error)));
    }
    require<DataError>(vocab.is_object() && !vocab.empty(),
                       "[tokenizer] {}: must be an object of tokens and ids, got {} of {}.", file,
                       vocab.type_name(), vocab.size());
    tokens_.resize(vocab.size());
    std::vector<bool> seen(vocab.size(), false);
    for (const auto& [token, id] : vocab.items()) {
      const bool fits = id.is_number_unsigned() && id.get<std::uint64_t>() < vocab.size();
      require<DataError>(
          fits && !seen[id.get<std::size_t>()],
          "[tokenizer] {}: the id of '{}' must be a number of its own below {}, got {}.", file,
          token, vocab.size(), id.is_primitive() ? id.dump() : id.type_name());
      const auto index = id.get<std::size_t>();
      seen[index] = true;
      tokens_[index] = token == kEndOfText ? token : to_bytes(token, file);
      if (token == kEndOfText) end_of_text_ = static_cast<std::int32_t>(index);
      ids_.emplace(tokens_[index], static_cast<std::int32_t>(index));
    }
    for (int byte = 0; byte < 256; ++byte) {
      const auto found = ids_.find(std::string(1, static_cast<char>(byte)));
      require<DataError>(found != ids_.end(), "[tokenizer] {}: there is no token for byte {}.",
                         file, byte);
      byte_ids_[byte] = found->second;
    }
  }

  void read_merges(const std::string& file) {
    std::vector<bool> made(tokens_.size(), false);
    std::int32_t rank = 0;
    std::size_t line_number = 0;
    for (std::size_t begin = 0; begin < merges_text_.size();) {
      std::size_t end = merges_text_.find('\n', begin);
      if (end == std::string::npos) end = merges_text_.size();
      std::string line = merges_text_.substr(begin, end - begin);
      begin = end + 1;
      ++line_number;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
      const std::size_t space = line.find(' ');
      require<DataError>(
          space != std::string::npos && line.find(' ', space + 1) == std::string::npos,
          "[tokenizer] {}:{}: a merge must be two tokens with a space between, got '{}'.", file,
          line_number, line);
      const std::string left = to_bytes(line.substr(0, space), file),
                        right = to_bytes(line.substr(space + 1), file);
      const auto left_id = ids_.find(left), right_id = ids_.find(right),
                 merged = ids_.find(left + right);
      require<DataError>(
          left_id != ids_.end() && right_id != ids_.end() && merged != ids_.end(),
          "[tokenizer] {}:{}: the tokens of '{}' and their merge must be in vocab.json.", file,
          line_number, line);
      merges_.emplace(pair_key(left_id->second, right_id->second), Merge{rank++, merged->second});
      made[static_cast<std::size_t>(merged->second)] = true;
    }
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      const bool whole = tokens_[id].size() == 1 || tokens_[id] == kEndOfText;
      require<DataError>(whole || made[id],
                         "[tokenizer] {}: there is no merge that makes token {} of vocab.json: is "
                         "the file complete?",
                         file, id);
    }
  }

  void encode_ordinary(std::string_view text, std::vector<std::int32_t>& ids) const {
    pretokenizer_.split(text, [&](std::string_view word) {
      const std::string key(word);
      {
        const std::lock_guard lock(mutex_);
        if (const auto found = cache_.find(key); found != cache_.end()) {
          ids.insert(ids.end(), found->second.begin(), found->second.end());
          return;
        }
      }
      const std::vector<std::int32_t> merged = merge(word);
      ids.insert(ids.end(), merged.begin(), merged.end());
      constexpr std::size_t kCachedWords = 200'000, kCachedLength = 64;
      const std::lock_guard lock(mutex_);
      if (cache_.size() < kCachedWords && word.size() <= kCachedLength) cache_.emplace(key, merged);
    });
  }

  /// Merges pairs by rank, the leftmost of equal rank first. Pieces form a linked list, candidate
  /// merges a heap: a word of n bytes costs n log n, also where it is a megabyte of one letter.
  std::vector<std::int32_t> merge(std::string_view word) const {
    struct Piece {
      std::int32_t id;
      std::int64_t previous, next;
    };
    struct Candidate {
      std::int32_t rank;
      std::int64_t left;
      std::int32_t left_id, right_id, merged;
      bool operator>(const Candidate& other) const {
        return std::pair(rank, left) > std::pair(other.rank, other.left);
      }
    };
    const auto count = static_cast<std::int64_t>(word.size());
    std::vector<Piece> pieces;
    for (std::int64_t i = 0; i < count; ++i) {
      pieces.push_back({byte_ids_[static_cast<unsigned char>(word[static_cast<std::size_t>(i)])],
                        i - 1, i + 1 < count ? i + 1 : -1});
    }
    const auto piece = [&](std::int64_t i) -> Piece& {
      return pieces[static_cast<std::size_t>(i)];
    };
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    const auto consider = [&](std::int64_t left) {
      if (left < 0 || piece(left).next < 0) return;
      const std::int32_t left_id = piece(left).id, right_id = piece(piece(left).next).id;
      const auto found = merges_.find(pair_key(left_id, right_id));
      if (found != merges_.end())
        candidates.push({found->second.rank, left, left_id, right_id, found->second.id});
    };
    for (std::int64_t i = 0; i + 1 < count; ++i) consider(i);
    while (!candidates.empty()) {
      const Candidate best = candidates.top();
      candidates.pop();
      Piece& left = piece(best.left);
      const std::int64_t right = left.next;
      // Outdated: one of the two was merged meanwhile (a merged-away piece has id -1).
      if (left.id != best.left_id || right < 0 || piece(right).id != best.right_id) continue;
      left.id = best.merged;
      left.next = piece(right).next;
      if (left.next >= 0) piece(left.next).previous = best.left;
      piece(right).id = -1;
      consider(left.previous);
      consider(best.left);
    }
    std::vector<std::int32_t> ids;
    for (std::int64_t i = count > 0 ? 0 : -1; i >= 0; i = piece(i).next) ids.push_back(piece(i).id);
    return ids;
  }

  std::string vocab_text_, merges_text_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::int32_t byte_ids_[256] = {};
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::optional<std::int32_t> end_of_text_;
  Pretokenizer pretokenizer_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::vector<std::int32_t>> cache_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_gpt2_tokenizer(const std::filesystem::path& directory) {
  return std::make_unique<Gpt2Tokenizer>(directory);
}

}  // namespace seqpe::data
