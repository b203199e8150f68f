#include <gtest/gtest.h>

#include <map>

#include "engine/core/random.h"
#include "engine/data/tokenizer.h"
#include "engine/io/file.h"
#include "tests/support/bpe_files.h"
#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

using Ids = std::vector<std::int32_t>;

/// Words of a, b and c, where merges overlap and build on one another.
const test::BpeFiles kFiles{{{"a", "b"},
                             {"b", "c"},
                             {"ab", "c"},
                             {"a", "a"},
                             {"aa", "aa"},
                             {"b", "b"},
                             {"c", "ab"},
                             {" ", "a"},
                             {"\xc3", "\xa9"}}};

class Gpt2TokenizerTest : public testing::Test {
 protected:
  Gpt2TokenizerTest() { kFiles.write(folder_); }
  std::unique_ptr<Tokenizer> load() { return load_gpt2_tokenizer(folder_.path()); }
  std::string path(const std::string& name) { return (folder_ / name).string(); }
  void expect_refused(const std::string& message) {
    test::expect_error<DataError>([&] { load(); }, "[tokenizer] " + message);
  }

  test::TemporaryDirectory folder_;
};

/// Merges as the definition says: the pair of lowest rank, its leftmost place first, until none is
/// left.
Ids merge_by_definition(const std::string& word) {
  std::vector<std::string> pieces;
  for (const char byte : word) pieces.emplace_back(1, byte);
  for (;;) {
    std::size_t best = kFiles.merges.size(), place = 0;
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
      for (std::size_t rank = 0; rank < best; ++rank) {
        if (kFiles.merges[rank] == std::pair(pieces[i], pieces[i + 1])) best = rank, place = i;
      }
    }
    if (best == kFiles.merges.size()) break;
    pieces[place] += pieces[place + 1];
    pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
  std::map<std::string, std::int32_t> ids;
  for (std::size_t i = 0; i < kFiles.merges.size(); ++i) {
    ids.emplace(kFiles.merges[i].first + kFiles.merges[i].second,
                static_cast<std::int32_t>(256 + i));
  }
  Ids out;
  for (const std::string& piece : pieces) {
    out.push_back(piece.size() == 1 ? static_cast<unsigned char>(piece[0]) : ids.at(piece));
  }
  return out;
}

TEST_F(Gpt2TokenizerTest, MergesByRank) {
  const auto tokenizer = load();
  EXPECT_EQ(tokenizer->encode("abc"), (Ids{258})) << "ab, then abc";
  EXPECT_EQ(tokenizer->encode("bbc"), (Ids{'b', 257})) << "b c before b b";
  EXPECT_EQ(tokenizer->encode("aaaaa"), (Ids{260, 'a'})) << "leftmost first";
  EXPECT_EQ(tokenizer->encode(" a"), (Ids{263}));
  EXPECT_TRUE(tokenizer->begins_with_space(263));
  EXPECT_EQ(tokenizer->encode("\xc3\xa9"), (Ids{264})) << "bytes, not characters, are merged";
}

TEST_F(Gpt2TokenizerTest, AgreesWithTheDefinition) {
  const auto tokenizer = load();
  PhiloxGenerator random({.seed = 1});
  for (int round = 0; round < 500; ++round) {
    std::string word;
    for (std::int64_t left = 1 + random.uniform_int(30); left > 0; --left) {
      word += static_cast<char>('a' + random.uniform_int(3));
    }
    EXPECT_EQ(tokenizer->encode(word), merge_by_definition(word)) << word;
    EXPECT_EQ(tokenizer->encode(word), merge_by_definition(word)) << word << ", from the cache";
  }
}

TEST_F(Gpt2TokenizerTest, AnyBytesSurvive) {
  const auto tokenizer = load();
  PhiloxGenerator random({.seed = 2});
  const std::string pieces[] = {
      "ab", " a", "\n",           "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80",
      "'s", "12", "\xed\xa0\x80", "\xc0\x80", "<|endoftext|>"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::int64_t left = random.uniform_int(12); left > 0; --left) {
      const auto kind = static_cast<std::size_t>(random.uniform_int(2 * std::size(pieces)));
      text += kind < std::size(pieces) ? pieces[kind]
                                       : std::string(1, static_cast<char>(random.uniform_int(256)));
    }
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, false)), text);
  }
}

TEST_F(Gpt2TokenizerTest, LongWordsTakeNoQuadraticTime) {
  const std::string word(200000, 'a');
  EXPECT_EQ(load()->encode(word).size(), 50000u);
}

TEST_F(Gpt2TokenizerTest, EndOfText) {
  const auto tokenizer = load();
  const std::int32_t end = 265;
  EXPECT_EQ(tokenizer->encode("<|endoftext|>a<|endoftext|><|endoftext|>"),
            (Ids{end, 'a', end, end}));
  EXPECT_EQ(tokenizer->encode("<|endoftext|>", false).size(), 13u);
  EXPECT_EQ(tokenizer->encode("<|endoftext|").size(), 12u);
  auto vocab = kFiles.vocab();
  vocab.erase("<|endoftext|>");
  folder_.write("vocab.json", vocab.dump());
  EXPECT_EQ(load()->encode("<|endoftext|>").size(), 13u) << "no such token";
}

TEST_F(Gpt2TokenizerTest, SavesWhatItLoads) {
  const test::TemporaryDirectory copy;
  load()->save(copy.path());
  for (const char* name : {"vocab.json", "merges.txt"}) {
    EXPECT_EQ(io::read_text(copy / name), io::read_text(folder_ / name));
  }
}

TEST_F(Gpt2TokenizerTest, MergesFileOfOtherPlatforms) {
  std::string text = kFiles.merges_text();
  for (std::size_t i = 0; (i = text.find('\n', i)) != std::string::npos; i += 2)
    text.insert(i, "\r");
  folder_.write("merges.txt", text + "\r\n");
  EXPECT_EQ(load()->encode("abc"), (Ids{258}));
  text = kFiles.merges_text();
  folder_.write("merges.txt", text.substr(text.find('\n') + 1, text.size() - text.find('\n') - 2));
  EXPECT_EQ(load()->encode("abc"), (Ids{258})) << "no version line, no last newline";
}

TEST_F(Gpt2TokenizerTest, MissingFiles) {
  for (const char* name : {"merges.txt", "vocab.json"}) {
    std::filesystem::remove(folder_ / name);
    test::expect_error<DataError>(
        [&] { load(); },
        fmt::format("[file] cannot read {}: No such file or directory.", path(name)));
  }
}

TEST_F(Gpt2TokenizerTest, MalformedVocabularies) {
  const std::string file = path("vocab.json");
  const auto with = [](const std::string& token, const nlohmann::json& id) {
    auto vocab = kFiles.vocab();
    vocab[token] = id;
    return vocab.dump();
  };
  const auto id_error = [&](const std::string& token, int size, const std::string& got) {
    return fmt::format("{}: the id of '{}' must be a number of its own below {}, got {}.", file,
                       token, size, got);
  };
  auto without_a = kFiles.vocab();
  without_a["other"] = without_a["a"];
  without_a.erase("a");
  std::string deep = with("deep", 266);
  deep.insert(deep.find("266"), std::string(100000, '['));
  deep.insert(deep.find("266") + 3, std::string(100000, ']'));
  const std::pair<std::string, std::string> cases[] = {
      {"[]", file + ": must be an object of tokens and ids, got array of 0."},
      {"{}", file + ": must be an object of tokens and ids, got object of 0."},
      {"3", file + ": must be an object of tokens and ids, got number of 1."},
      {with("x y", 266), file + ": 'x y' holds a character that stands for no byte."},
      {with("\xe4\x80\xac", 266),
       file + ": '\xe4\x80\xac' holds a character that stands for no byte."},
      {with("\xc2\x80", 266), file + ": '\xc2\x80' holds a character that stands for no byte."},
      {with("zz", 97), id_error("zz", 267, "97")},
      {with("zz", 267), id_error("zz", 267, "267")},
      {with("zz", -1), id_error("zz", 267, "-1")},
      {with("zz", 1.5), id_error("zz", 267, "1.5")},
      {with("zz", "7"), id_error("zz", 267, "\"7\"")},
      {deep, id_error("deep", 267, "array")},
      {without_a.dump(), file + ": there is no token for byte 97."}};
  for (const auto& [text, message] : cases) {
    folder_.write("vocab.json", text);
    expect_refused(message);
  }
  for (const std::string text : {"", "{\"a\": ", "{\"\xff\": 1}"}) {
    folder_.write("vocab.json", text);
    const std::string message = test::error_of<DataError>([&] { load(); });
    EXPECT_TRUE(message.starts_with("[tokenizer] " + file + ": must be JSON: ")) << message;
    EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
  }
}

TEST_F(Gpt2TokenizerTest, MalformedMerges) {
  const std::string file = path("merges.txt");
  const auto no_pair = [&](int line, const std::string& text) {
    return fmt::format("{}:{}: a merge must be two tokens with a space between, got '{}'.", file,
                       line, text);
  };
  const auto unknown = [&](int line, const std::string& text) {
    return fmt::format("{}:{}: the tokens of '{}' and their merge must be in vocab.json.", file,
                       line, text);
  };
  const std::pair<std::string, std::string> cases[] = {
      {"#version: 0.2\na b\nabc\n", no_pair(3, "abc")},
      {"a b c\n", no_pair(1, "a b c")},
      {"a b\n#version: 0.2\n", unknown(2, "#version: 0.2")},
      {"a b\nx y\n", unknown(2, "x y")},
      {"a zz\n", unknown(1, "a zz")},
      {"ab a", unknown(1, "ab a")},
      {" a", unknown(1, " a")},
      {"a \xac\n", file + ": '\xac' holds a character that stands for no byte."},
      {"a \xc4\n", file + ": '\xc4' holds a character that stands for no byte."},
      {"", file + ": there is no merge that makes token 256 of vocab.json: is the file complete?"}};
  for (const auto& [text, message] : cases) {
    folder_.write("merges.txt", text);
    expect_refused(message);
  }
}

TEST_F(Gpt2TokenizerTest, MutatedFilesLoadOrAreRefused) {
  PhiloxGenerator random({.seed = 3});
  const std::string good[] = {kFiles.vocab().dump(), kFiles.merges_text()};
  const char* const names[] = {"vocab.json", "merges.txt"};
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    const auto which = static_cast<std::size_t>(random.uniform_int(2));
    std::string text = good[which];
    for (std::int64_t edits = 1 + random.uniform_int(3); edits > 0; --edits) {
      const auto place =
          static_cast<std::size_t>(random.uniform_int(static_cast<std::int64_t>(text.size())));
      text[place] = static_cast<char>(random.uniform_int(256));
    }
    folder_.write(names[which], text);
    try {
      const auto tokenizer = load();
      EXPECT_EQ(tokenizer->decode(tokenizer->encode("abc aab")), "abc aab");
    } catch (const DataError&) {
      ++refused;
    }
    folder_.write(names[which], good[which]);
  }
  EXPECT_GT(refused, 200);
}

TEST_F(Gpt2TokenizerTest, RefusesOtherIds) {
  const auto tokenizer = load();
  for (const std::int32_t id : {-1, 266}) {
    test::expect_error<DataError>(
        [&] {
          tokenizer->decode(Ids{0, id});
        },
        fmt::format("[tokenizer] token ids must lie in [0, 266), got {}.", id));
  }
}

}  // namespace
}  // namespace seqpe::data
