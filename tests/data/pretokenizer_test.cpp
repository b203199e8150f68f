#include "engine/data/pretokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/core/random.h"

namespace seqpe::data {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& text) {
  Words words;
  Pretokenizer().split(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

TEST(Pretokenizer, CutsByThePattern) {
  const std::pair<const char*, Words> cases[] = {
      {"", {}},
      {"Hello world", {"Hello", " world"}},
      {"it's we'll I'd they've I'm you're don't",
       {"it", "'s", " we", "'ll", " I", "'d", " they", "'ve", " I", "'m", " you", "'re", " don",
        "'t"}},
      {"IT'S", {"IT", "'", "S"}},
      {"abc123def", {"abc", "123", "def"}},
      {" 42!? x", {" 42", "!?", " x"}},
      {"a  b", {"a", " ", " b"}},
      {"a   b", {"a", "  ", " b"}},
      {"a \n b", {"a", " \n", " b"}},
      {"a\n\nb", {"a", "\n", "\n", "b"}},
      {"end  ", {"end", "  "}},
      {"tab\tx", {"tab", "\t", "x"}},
      {"caf\xc3\xa9 na\xc3\xafve", {"caf\xc3\xa9", " na\xc3\xafve"}},
      {"\xe4\xb8\xad\xe6\x96\x87 \xd9\xa3\xd9\xa4",  // letters; Arabic digits are numbers
       {"\xe4\xb8\xad\xe6\x96\x87", " \xd9\xa3\xd9\xa4"}},
      {"x\xc2\xb2", {"x", "\xc2\xb2"}},  // a superscript is a number
      {"a\xc2\xa0"
       "b",
       {"a", "\xc2\xa0", "b"}},  // a no-break space is white space
      {"a\xe1\xa0\x8e"
       "b",
       {"a", "\xe1\xa0\x8e", "b"}},  // U+180E is not
      {"a\xe1\xa0\x8e.", {"a", "\xe1\xa0\x8e."}},
      {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80 !", {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", " !"}},
      {"e\xcc\x81", {"e", "\xcc\x81"}}};  // a combining accent is no letter
  for (const auto& [text, words] : cases) EXPECT_EQ(split(text), words) << text;
}

TEST(Pretokenizer, InvalidBytesStandAlone) {
  const std::pair<std::string, Words> cases[] = {
      {"ab\xff"
       "cd",
       {"ab", "\xff", "cd"}},
      {"\x80\x80", {"\x80", "\x80"}},
      {"\xc3", {"\xc3"}},                                      // cut short
      {"\xc0\x80", {"\xc0", "\x80"}},                          // overlong
      {"\xe0\x9f\xbf", {"\xe0", "\x9f", "\xbf"}},              // overlong
      {"\xed\xa0\x80", {"\xed", "\xa0", "\x80"}},              // a surrogate
      {"\xf4\x90\x80\x80", {"\xf4", "\x90", "\x80", "\x80"}},  // above U+10FFFF
      {"\xf0\x9f\x98", {"\xf0", "\x9f", "\x98"}},
      {"\xf4\x8f\xbf\xbf", {"\xf4\x8f\xbf\xbf"}},  // U+10FFFF itself is valid
      {std::string("a\0b", 3), {"a", std::string(1, '\0'), "b"}}};
  for (const auto& [text, words] : cases) EXPECT_EQ(split(text), words);
}

TEST(Pretokenizer, WordsJoinToTheText) {
  PhiloxGenerator random({.seed = 5});
  for (int round = 0; round < 1000; ++round) {
    std::string text, joined;
    for (std::int64_t left = random.uniform_int(40); left > 0; --left) {
      text += static_cast<char>(random.uniform_int(256));
    }
    for (const std::string& word : split(text)) {
      EXPECT_FALSE(word.empty());
      joined += word;
    }
    EXPECT_EQ(joined, text);
  }
}

}  // namespace
}  // namespace seqpe::data
