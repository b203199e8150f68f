// GPT-2's pre-tokenisation: text is cut into words before byte-pair merging.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace seqpe::data {

/// Cuts by GPT-2's pattern: contractions, runs of letters, of numbers, of other characters (each
/// with one leading space) and white space. Bytes that are not valid UTF-8 stand alone. Safe to use
/// from several threads.
class Pretokenizer {
 public:
  Pretokenizer();
  ~Pretokenizer();
  Pretokenizer(const Pretokenizer&) = delete;
  Pretokenizer& operator=(const Pretokenizer&) = delete;

  void split(std::string_view text, const std::function<void(std::string_view)>& word) const;

 private:
  void split_valid(std::string_view text, const std::function<void(std::string_view)>& word) const;
  struct Pattern;
  std::unique_ptr<Pattern> pattern_;
};

}  // namespace seqpe::data
