// Text as blocks of tokens for a language model, each with the tokens that follow as its labels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/tokenizer.h"

namespace seqpe::data {

enum class Reader : std::uint8_t { lines, document };
enum class BlankLines : std::uint8_t { drop, keep };

struct TextOptions {
  Reader reader = Reader::lines;
  BlankLines blank_lines = BlankLines::drop;
  std::int64_t shards =
      1;  // the lines are first cut into so many contiguous parts, each chunked on its own
  std::int64_t max_lines = 0;  // 0: all; blank lines count
};

/// Runs of tokens; blocks never cross from one to the next.
using Chunks = std::vector<std::vector<std::int32_t>>;

/// Lines end at LF (CRLF and CR become LF) and keep it, each is tokenised on its own; 5000 lines
/// form a chunk. As a document the text is one string and one chunk.
Chunks tokenize_text(std::string_view text, const Tokenizer& tokenizer, const TextOptions& options);

/// Lines of a text, as max_lines counts them.
std::int64_t count_lines(std::string_view text);

/// `length` tokens of a chunk from `begin`. The label of a token is the next one of the chunk,
/// kIgnoreIndex at its end.
struct Block {
  std::int64_t chunk = 0, begin = 0, length = 0;
};

/// Full blocks of `size` tokens; the rest of a chunk is dropped. reference: the last full block of
/// a chunk as well, as the reference does.
std::vector<Block> training_blocks(const Chunks& chunks, std::int64_t size, bool reference);

/// Blocks that cover every token, the rest of a chunk as a shorter one; with stride < size they
/// overlap. reference: a chunk that the size divides loses its last full block.
std::vector<Block> evaluation_blocks(const Chunks& chunks, std::int64_t size, std::int64_t stride,
                                     bool reference);

/// Copies a block's ids and labels; both have room for block.length.
void fill_block(const Chunks& chunks, const Block& block, std::int64_t* ids, std::int64_t* labels);

/// Labels of a block but kIgnoreIndex.
std::int64_t counted_labels(const Chunks& chunks, const Block& block);

/// Words of a block: tokens that begin with a space, plus the very first token of the text if it
/// does not.
std::int64_t count_words(const Chunks& chunks, const Block& block, const Tokenizer& tokenizer,
                         bool is_first_block);

}  // namespace seqpe::data
