#include "engine/data/lm_blocks.h"

#include <algorithm>

#include "kernels/common/error.h"
#include "kernels/cross_entropy.h"

namespace seqpe::data {
namespace {

constexpr std::size_t kLinesPerChunk = 5000;

std::string unify_newlines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else {
      out += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    }
  }
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text, std::int64_t max_lines) {
  std::vector<std::string_view> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    if (max_lines > 0 && static_cast<std::int64_t>(lines.size()) == max_lines) break;
    const std::size_t newline = text.find('\n', begin);
    const std::size_t end = newline == std::string_view::npos ? text.size() : newline + 1;
    lines.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return lines;
}

/// White space as Unicode has it.
bool is_blank(std::string_view line) {
  static constexpr std::string_view kWide[] = {
      "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
      "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
      "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
      "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
  while (!line.empty()) {
    const char c = line.front();
    if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f')) {
      line.remove_prefix(1);
      continue;
    }
    const auto* const wide = std::find_if(std::begin(kWide), std::end(kWide),
                                          [&](std::string_view w) { return line.starts_with(w); });
    if (wide == std::end(kWide)) return false;
    line.remove_prefix(wide->size());
  }
  return true;
}

}  // namespace

Chunks tokenize_text(std::string_view text, const Tokenizer& tokenizer,
                     const TextOptions& options) {
  const std::string unified = unify_newlines(text);
  Chunks chunks;
  if (options.reader == Reader::document) {
    std::size_t size = unified.size();
    if (options.max_lines > 0) {
      size = 0;
      for (const std::string_view line : split_lines(unified, options.max_lines))
        size += line.size();
    }
    chunks.push_back(tokenizer.encode(std::string_view(unified).substr(0, size)));
    return chunks;
  }
  const auto lines = split_lines(unified, options.max_lines);
  const auto shards = static_cast<std::size_t>(std::max<std::int64_t>(1, options.shards));
  std::size_t begin = 0;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const std::size_t end = begin + lines.size() / shards + (shard < lines.size() % shards ? 1 : 0);
    for (; begin < end; begin = std::min(end, begin + kLinesPerChunk)) {
      std::vector<std::int32_t> ids;
      for (std::size_t i = begin; i < std::min(end, begin + kLinesPerChunk); ++i) {
        if (options.blank_lines == BlankLines::drop && is_blank(lines[i])) continue;
        const auto line = tokenizer.encode(lines[i]);
        ids.insert(ids.end(), line.begin(), line.end());
      }
      if (!ids.empty()) chunks.push_back(std::move(ids));
    }
  }
  return chunks;
}

std::int64_t count_lines(std::string_view text) {
  const std::string unified = unify_newlines(text);
  return static_cast<std::int64_t>(split_lines(unified, 0).size());
}

std::vector<Block> training_blocks(const Chunks& chunks, std::int64_t size, bool reference) {
  std::vector<Block> blocks;
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    const std::int64_t full = static_cast<std::int64_t>(chunks[c].size()) / size;
    for (std::int64_t i = 0; i < full - (reference ? 1 : 0); ++i) {
      blocks.push_back({static_cast<std::int64_t>(c), i * size, size});
    }
  }
  return blocks;
}

std::vector<Block> evaluation_blocks(const Chunks& chunks, std::int64_t size, std::int64_t stride,
                                     bool reference) {
  require(stride >= 1 && stride <= size,
          "[blocks] the stride must lie in [1, {}] (the block size), got {}.", size, stride);
  std::vector<Block> blocks;
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    const auto count = static_cast<std::int64_t>(chunks[c].size());
    const auto chunk = static_cast<std::int64_t>(c);
    std::int64_t covered = 0;
    for (std::int64_t end = size; end < count + (reference ? 0 : 1); end += stride) {
      blocks.push_back({chunk, end - size, size});
      covered = end;
    }
    const bool lost = reference && count % size == 0 && stride == size;
    if (covered < count && !lost) blocks.push_back({chunk, covered, count - covered});
  }
  return blocks;
}

void fill_block(const Chunks& chunks, const Block& block, std::int64_t* ids, std::int64_t* labels) {
  const auto& chunk = chunks[static_cast<std::size_t>(block.chunk)];
  for (std::int64_t i = 0; i < block.length; ++i) {
    const auto place = static_cast<std::size_t>(block.begin + i);
    ids[i] = chunk[place];
    labels[i] = place + 1 < chunk.size() ? chunk[place + 1] : kernels::kIgnoreIndex;
  }
}

std::int64_t counted_labels(const Chunks& chunks, const Block& block) {
  const auto size = static_cast<std::int64_t>(chunks[static_cast<std::size_t>(block.chunk)].size());
  return block.begin + block.length == size ? block.length - 1 : block.length;
}

std::int64_t count_words(const Chunks& chunks, const Block& block, const Tokenizer& tokenizer,
                         bool is_first_block) {
  const auto& chunk = chunks[static_cast<std::size_t>(block.chunk)];
  std::int64_t words = 0;
  for (std::int64_t i = 0; i < block.length; ++i) {
    const bool begins =
        tokenizer.begins_with_space(chunk[static_cast<std::size_t>(block.begin + i)]);
    if (begins || (is_first_block && i == 0)) ++words;
  }
  return words;
}

}  // namespace seqpe::data
