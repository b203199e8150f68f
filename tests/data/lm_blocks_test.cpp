#include "engine/data/lm_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "kernels/cross_entropy.h"
#include "tests/support/expect_error.h"

namespace seqpe::data {

// Found by argument-dependent lookup, for comparison and printing.
bool operator==(const Block& a, const Block& b) {
  return a.chunk == b.chunk && a.begin == b.begin && a.length == b.length;
}
std::ostream& operator<<(std::ostream& out, const Block& block) {
  return out << "{" << block.chunk << ", " << block.begin << ", " << block.length << "}";
}

namespace {

using Blocks = std::vector<Block>;
using Texts = std::vector<std::string>;

const Tokenizer& bytes() {
  static const auto tokenizer = make_byte_tokenizer();
  return *tokenizer;
}

/// The chunks of a text under the byte tokenizer, as text again.
Texts chunks_of(const std::string& text, const TextOptions& options) {
  Texts texts;
  for (const auto& chunk : tokenize_text(text, bytes(), options)) {
    texts.push_back(bytes().decode(chunk));
  }
  return texts;
}

/// Chunks of these lengths with ids 0, 1, 2, ... throughout.
Chunks counting(const std::vector<std::size_t>& lengths) {
  Chunks chunks;
  std::int32_t next = 0;
  for (const std::size_t length : lengths) {
    chunks.emplace_back(length);
    std::iota(chunks.back().begin(), chunks.back().end(), next);
    next += static_cast<std::int32_t>(length);
  }
  return chunks;
}

constexpr TextOptions kKeep{.blank_lines = BlankLines::keep};

TEST(TokenizeText, Lines) {
  EXPECT_EQ(chunks_of("one\ntwo\n", {}), (Texts{"one\ntwo\n"}));
  EXPECT_EQ(chunks_of("one\ntwo", {}), (Texts{"one\ntwo"})) << "no newline is invented";
  EXPECT_EQ(chunks_of("a\r\nb\rc\n\r", kKeep), (Texts{"a\nb\nc\n\n"})) << "CRLF and CR become LF";
  EXPECT_EQ(chunks_of("", {}), Texts{});
  EXPECT_EQ(chunks_of("\n \n", {}), Texts{}) << "a chunk of blank lines is no chunk";
}

TEST(TokenizeText, BlankLinesOfAnyWhiteSpace) {
  const std::string blank[] = {"",
                               " \t",
                               "\v\f",
                               "\x1c\x1d\x1e\x1f",
                               "\xc2\xa0",
                               "\xc2\x85",
                               "\xe1\x9a\x80",
                               "\xe2\x80\x8a\xe2\x80\xa8",
                               "\xe3\x80\x80"};
  for (const std::string& line : blank) {
    EXPECT_EQ(chunks_of("a\n" + line + "\nb\n", {}), (Texts{"a\nb\n"}));
    EXPECT_EQ(chunks_of("a\n" + line + "\nb\n", kKeep), (Texts{"a\n" + line + "\nb\n"}));
  }
  for (const std::string line : {"\xe2\x80\x8b", "\xe1\xa0\x8e", "\xc2", " ."}) {
    EXPECT_EQ(chunks_of(line + "\n", {}), (Texts{line + "\n"})) << "not white space";
  }
}

TEST(TokenizeText, EveryLineIsTokenisedOnItsOwn) {
  // A byte tokenizer that appends a mark to each call's tokens.
  class Marking final : public Tokenizer {
   public:
    std::vector<std::int32_t> encode(std::string_view text, bool special) const override {
      auto ids = bytes().encode(text, special);
      ids.push_back('|');
      return ids;
    }
    std::string_view bytes_of(std::int32_t id) const override { return bytes().bytes_of(id); }
    std::int64_t vocab_size() const override { return 256; }
    void save(const std::filesystem::path&) const override {}
  };
  const auto marked = [](const TextOptions& options) {
    return bytes().decode(tokenize_text("a\n\nb", Marking(), options).at(0));
  };
  EXPECT_EQ(marked({}), "a\n|b|");
  EXPECT_EQ(marked(kKeep), "a\n|\n|b|");
  EXPECT_EQ(marked({.reader = Reader::document}), "a\n\nb|");
}

TEST(TokenizeText, DocumentIsOneChunk) {
  std::string text;
  for (int i = 0; i < 6000; ++i) text += "x\n";
  EXPECT_EQ(chunks_of(text, {.reader = Reader::document}), (Texts{text}));
}

TEST(TokenizeText, MaxLinesCountsBlankOnes) {
  EXPECT_EQ(chunks_of("a\n\nb\nc\n", {.max_lines = 3}), (Texts{"a\nb\n"}));
  EXPECT_EQ(chunks_of("a\nb", {.max_lines = 5}), (Texts{"a\nb"}));
}

TEST(TokenizeText, LinesAreCountedAsMaxLinesDoes) {
  EXPECT_EQ(count_lines(""), 0);
  EXPECT_EQ(count_lines("a"), 1);
  EXPECT_EQ(count_lines("a\n\r\nb\rc"), 4) << "blank ones too";
  EXPECT_EQ(count_lines("a\n"), 1);
}

TEST(TokenizeText, ShardsAreContiguousTheFirstOnesLonger) {
  const std::string text = "a\nb\nc\nd\ne\n";
  EXPECT_EQ(chunks_of(text, {.shards = 2}), (Texts{"a\nb\nc\n", "d\ne\n"}));
  EXPECT_EQ(chunks_of(text, {.shards = 3}), (Texts{"a\nb\n", "c\nd\n", "e\n"}));
  EXPECT_EQ(chunks_of("a\nb\n", {.shards = 4}), (Texts{"a\n", "b\n"}));
}

TEST(TokenizeText, ChunksOf5000LinesStartAnewInEveryShard) {
  std::string text;
  for (int i = 0; i < 10003; ++i) text += i % 5000 == 4999 ? "\n" : "x\n";
  const auto sizes = [&](const TextOptions& options) {
    std::vector<std::size_t> out;
    for (const std::string& chunk : chunks_of(text, options)) out.push_back(chunk.size());
    return out;
  };
  EXPECT_EQ(sizes({}), (std::vector<std::size_t>{9998, 9998, 6})) << "blank lines count as lines";
  EXPECT_EQ(sizes({.blank_lines = BlankLines::keep, .shards = 2}),
            (std::vector<std::size_t>{9999, 4, 9999, 2}));
}

TEST(Blocks, Training) {
  const Chunks chunks = counting({10, 3, 8});
  EXPECT_EQ(training_blocks(chunks, 4, false),
            (Blocks{{0, 0, 4}, {0, 4, 4}, {2, 0, 4}, {2, 4, 4}}));
  EXPECT_EQ(training_blocks(chunks, 4, true), (Blocks{{0, 0, 4}, {2, 0, 4}}));
  EXPECT_TRUE(training_blocks(chunks, 11, false).empty());
  EXPECT_TRUE(training_blocks({}, 4, true).empty());
}

TEST(Blocks, Evaluation) {
  const Chunks chunks = counting({10, 3, 8});
  EXPECT_EQ(evaluation_blocks(chunks, 4, 4, false),
            (Blocks{{0, 0, 4}, {0, 4, 4}, {0, 8, 2}, {1, 0, 3}, {2, 0, 4}, {2, 4, 4}}));
  EXPECT_EQ(evaluation_blocks(chunks, 4, 4, true),
            (Blocks{{0, 0, 4}, {0, 4, 4}, {0, 8, 2}, {1, 0, 3}, {2, 0, 4}}))
      << "the last full block of 8 is lost";
  EXPECT_EQ(evaluation_blocks(chunks, 4, 3, false),
            (Blocks{{0, 0, 4}, {0, 3, 4}, {0, 6, 4}, {1, 0, 3}, {2, 0, 4}, {2, 3, 4}, {2, 7, 1}}));
  for (const std::int64_t stride : {0, 5}) {
    test::expect_error(
        [&] { evaluation_blocks(chunks, 4, stride, false); },
        fmt::format("[blocks] the stride must lie in [1, 4] (the block size), got {}.", stride));
  }
}

TEST(Blocks, EvaluationCoversEveryTokenAndNothingBeyond) {
  for (std::size_t count = 1; count <= 14; ++count) {
    const Chunks chunks = counting({count});
    for (std::int64_t size = 1; size <= 6; ++size) {
      for (std::int64_t stride = 1; stride <= size; ++stride) {
        std::vector<int> covered(count, 0);
        for (const Block& block : evaluation_blocks(chunks, size, stride, false)) {
          EXPECT_LE(block.length, size);
          EXPECT_GT(block.length, 0);
          for (std::int64_t i = 0; i < block.length; ++i)
            ++covered.at(static_cast<std::size_t>(block.begin + i));
        }
        const auto [least, most] = std::minmax_element(covered.begin(), covered.end());
        EXPECT_GE(*least, 1) << count << " tokens, size " << size << ", stride " << stride;
        EXPECT_TRUE(stride < size || *most == 1) << "no overlap without stride";
      }
    }
  }
}

TEST(Blocks, LabelsAreTheNextTokens) {
  const Chunks chunks = counting({5, 3});
  std::int64_t ids[4], labels[4];
  const auto fill = [&](const Block& block) {
    fill_block(chunks, block, ids, labels);
    const auto count = static_cast<std::size_t>(block.length);
    return std::pair(std::vector(ids, ids + count), std::vector(labels, labels + count));
  };
  using Rows = std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>;
  EXPECT_EQ(fill({0, 0, 4}), (Rows{{0, 1, 2, 3}, {1, 2, 3, 4}}));
  EXPECT_EQ(fill({0, 3, 2}), (Rows{{3, 4}, {4, kernels::kIgnoreIndex}})) << "not chunk 1's token";
  EXPECT_EQ(fill({1, 1, 1}), (Rows{{6}, {7}}));
}

TEST(Blocks, WordsBeginWithASpace) {
  const auto count = [](const std::string& text, const Block& block, bool first) {
    return count_words({bytes().encode(text)}, block, bytes(), first);
  };
  EXPECT_EQ(count("one two  3", {0, 0, 10}, false), 3) << "a lone space counts";
  EXPECT_EQ(count("one two  3", {0, 0, 10}, true), 4) << "and the text's first token";
  EXPECT_EQ(count(" one", {0, 0, 4}, true), 1) << "but not twice";
  EXPECT_EQ(count("one two  3", {0, 4, 4}, false), 1);
  EXPECT_EQ(count("one", {0, 0, 3}, false), 0);
}

}  // namespace
}  // namespace seqpe::data
