#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/data/pretokenizer.h"

#include <pcre2.h>

#include <string>

#include "engine/data/utf8.h"
#include "kernels/common/error.h"

namespace seqpe::data {
namespace {

// White space by its Unicode property. PCRE2's \s also takes U+180E, which the reference's
// tokeniser does not.
const std::string kSpace =
    R"(\x{09}-\x{0d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

std::string pattern_text() {
  return "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" + kSpace + "\\p{L}\\p{N}]+|[" + kSpace +
         "]+(?![^" + kSpace + "])|[" + kSpace + "]+";
}

}  // namespace

struct Pretokenizer::Pattern {
  pcre2_code* code = nullptr;
};

Pretokenizer::Pretokenizer() : pattern_(std::make_unique<Pattern>()) {
  const std::string text = pattern_text();
  int error = 0;
  PCRE2_SIZE offset = 0;
  pattern_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                 PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  require(pattern_->code != nullptr, "[tokenizer] PCRE2 refuses the pattern at {}: error {}.",
          offset, error);
  pcre2_jit_compile(pattern_->code,
                    PCRE2_JIT_COMPLETE);  // without a JIT the interpreter does the same, slower
}

Pretokenizer::~Pretokenizer() {
  pcre2_code_free(pattern_->code);
}

void Pretokenizer::split(std::string_view text,
                         const std::function<void(std::string_view)>& word) const {
  std::size_t begin = 0, end = 0;
  while (end < text.size()) {
    const std::size_t length = utf8_length(text.substr(end));
    if (length > 0) {
      end += length;
      continue;
    }
    split_valid(text.substr(begin, end - begin), word);
    word(text.substr(end, 1));
    begin = ++end;
  }
  split_valid(text.substr(begin), word);
}

void Pretokenizer::split_valid(std::string_view text,
                               const std::function<void(std::string_view)>& word) const {
  if (text.empty()) return;
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  std::size_t offset = 0;
  while (offset < text.size()) {
    const int found = pcre2_match(pattern_->code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                  text.size(), offset, PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    require<DataError>(found > 0, "[tokenizer] PCRE2 failed at byte {} with error {}.", offset,
                       found);
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match.get());
    word(text.substr(range[0], range[1] - range[0]));
    offset = range[1];
  }
}

}  // namespace seqpe::data
