#include <fstream>
#include <map>
#include <optional>

#include "engine/data/lm_blocks.h"
#include "engine/io/file.h"
#include "engine/io/sha256.h"
#include "tests/golden_tests/golden_support.h"

namespace seqpe {
namespace {

using nlohmann::json;

const data::Tokenizer& gpt2() {
  static const auto tokenizer = data::load_gpt2_tokenizer(test::data_dir() / "gpt2_tokenizer");
  return *tokenizer;
}

std::vector<json> rows_of(const std::string& name) {
  std::ifstream file(test::goldens_dir("tokenizer") / name);
  EXPECT_TRUE(file.good()) << name;
  std::vector<json> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(json::parse(line));
  EXPECT_FALSE(rows.empty()) << name;
  return rows;
}

std::string bytes_from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

TEST(GoldenTokenizer, Encodes) {
  for (const json& row : rows_of("bpe.jsonl")) {
    EXPECT_EQ(gpt2().encode(row.at("text").get<std::string>(), row.value("special", true)),
              row.at("ids").get<std::vector<std::int32_t>>())
        << row.dump();
  }
}

TEST(GoldenTokenizer, Decodes) {
  for (const json& row : rows_of("decode.jsonl")) {
    EXPECT_EQ(gpt2().decode(row.at("ids").get<std::vector<std::int32_t>>()),
              bytes_from_hex(row.at("bytes_hex")));
  }
}

TEST(GoldenTokenizer, CountsWords) {
  for (const json& row : rows_of("word_count.jsonl")) {
    const data::Chunks chunks{row.at("ids").get<std::vector<std::int32_t>>()};
    const data::Block all{0, 0, static_cast<std::int64_t>(chunks[0].size())};
    EXPECT_EQ(data::count_words(chunks, all, gpt2(), true), row.at("words_as_first_block"))
        << row.dump();
    EXPECT_EQ(data::count_words(chunks, all, gpt2(), false), row.at("words_as_later_block"))
        << row.dump();
  }
}

/// The text that a row speaks of, or nothing where that is missing: allowed for the shipped data
/// alone, which hold fewer and shorter files.
std::optional<std::string> text_of(const json& row) {
  const auto path = test::data_dir() / row.at("file").get<std::string>();
  if (std::filesystem::exists(path)) {
    std::string text = io::read_text(path);
    if (io::sha256(text.data(), text.size()) == row.at("file_sha256")) return text;
  }
  EXPECT_EQ(std::getenv("SEQPE_DATA"), nullptr) << path << " is missing, or another file";
  return std::nullopt;
}

data::TextOptions options_of(const std::string& mode) {
  using data::BlankLines, data::Reader;
  const std::map<std::string, data::TextOptions> modes{
      {"document", {.reader = Reader::document}},
      {"lines", {.reader = Reader::lines, .blank_lines = BlankLines::keep}},
      {"lines_blank_as_empty", {.reader = Reader::lines, .blank_lines = BlankLines::drop}}};
  return modes.at(mode);
}

TEST(GoldenTokenizer, WholeFiles) {
  const json files = json::parse(io::read_text(test::goldens_dir("tokenizer") / "files.json"));
  int checked = 0;
  for (const json& row : files.at("files")) {
    SCOPED_TRACE(row.at("file").get<std::string>() + " " + row.at("mode").get<std::string>());
    const std::optional<std::string> text = text_of(row);
    if (!text) continue;
    std::vector<std::uint16_t> ids;
    std::int64_t spaces = 0;
    for (const auto& chunk : data::tokenize_text(*text, gpt2(), options_of(row.at("mode")))) {
      for (const std::int32_t id : chunk) {
        ids.push_back(static_cast<std::uint16_t>(id));
        spaces += gpt2().begins_with_space(id);
      }
    }
    EXPECT_EQ(ids.size(), row.at("tokens"));
    EXPECT_EQ(io::sha256(ids.data(), 2 * ids.size()), row.at("ids_sha256_uint16_le"));
    EXPECT_EQ(spaces, row.at("tokens_beginning_with_space"));
    ++checked;
  }
  if (checked > 0) return;
  ASSERT_EQ(std::getenv("SEQPE_DATA"), nullptr) << "files.json names no file";
  GTEST_SKIP() << "the shipped data hold none of the whole files of files.json; SEQPE_DATA may";
}

/// Right padding as in the file: ids 50256, labels -100.
std::vector<std::int32_t> collate(const data::Chunks& chunks,
                                  const std::vector<data::Block>& blocks, std::int64_t width,
                                  bool labels_wanted) {
  std::vector<std::int32_t> out;
  std::vector<std::int64_t> ids(static_cast<std::size_t>(width)),
      labels(static_cast<std::size_t>(width));
  for (const data::Block& block : blocks) {
    std::fill(ids.begin(), ids.end(), 50256);
    std::fill(labels.begin(), labels.end(), -100);
    data::fill_block(chunks, block, ids.data(), labels.data());
    for (const std::int64_t value : labels_wanted ? labels : ids)
      out.push_back(static_cast<std::int32_t>(value));
  }
  return out;
}

std::vector<std::int32_t> stored(const io::SafetensorsFile& file, const std::string& name) {
  const Tensor tensor = file.tensor(name);
  const auto values = tensor.span<std::int32_t>();
  return {values.begin(), values.end()};
}

data::Chunks chunks_of(const json& test_case) {
  if (test_case.contains("rows")) {
    data::Chunks chunks(1);
    for (const json& row : test_case.at("rows")) {
      const auto ids = gpt2().encode(row.get<std::string>());
      chunks[0].insert(chunks[0].end(), ids.begin(), ids.end());
    }
    return chunks;
  }
  const std::string text =
      io::read_text(test::goldens_dir("tokenizer") / test_case.at("file").get<std::string>());
  const auto& workers = test_case.at("preprocessing_workers");
  return data::tokenize_text(text, gpt2(),
                             {.blank_lines = data::BlankLines::keep,
                              .shards = workers.is_null() ? 1 : workers.get<std::int64_t>()});
}

TEST(GoldenTokenizer, Blocks) {
  const auto file =
      io::SafetensorsFile::open(test::goldens_dir("tokenizer") / "lm_blocks.safetensors");
  const json config = json::parse(file.metadata().at("config"));
  EXPECT_FALSE(config.at("cases").empty());
  for (const json& test_case : config.at("cases")) {
    const std::string name = test_case.at("case"), prefix = "out." + name;
    SCOPED_TRACE(name);
    if (!test_case.contains("rows") && !test_case.contains("file")) {
      ADD_FAILURE() << test_case.dump().substr(0, 300);
      continue;
    }
    const data::Chunks chunks = chunks_of(test_case);
    const std::int64_t size = test_case.at("block_size");
    const auto train = data::training_blocks(chunks, size, true);
    EXPECT_EQ(train.size(), test_case.at("train_blocks"));
    EXPECT_EQ(collate(chunks, train, size, false), stored(file, prefix + ".train.input_ids"));
    EXPECT_EQ(collate(chunks, train, size, true), stored(file, prefix + ".train.labels"));
    const auto eval = data::evaluation_blocks(chunks, size, test_case.at("eval_stride"), true);
    EXPECT_EQ(eval.size(), test_case.at("eval_blocks"));
    const auto& shape = file.at(prefix + ".eval.input_ids").shape;
    EXPECT_EQ(collate(chunks, eval, shape[1], false), stored(file, prefix + ".eval.input_ids"));
    EXPECT_EQ(collate(chunks, eval, shape[1], true), stored(file, prefix + ".eval.labels"));
    std::int64_t words = 0;
    for (std::size_t i = 0; i < eval.size(); ++i)
      words += data::count_words(chunks, eval[i], gpt2(), i == 0);
    EXPECT_EQ(words, test_case.at("eval_words"));
  }
}

}  // namespace
}  // namespace seqpe
