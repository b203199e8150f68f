// A vocabulary of numbers, for models whose tokens are made, not read.
#pragma once

#include <cstdint>

#include "engine/data/tokenizer.h"

namespace seqpe::test {

class NumberedTokens final : public data::Tokenizer {
 public:
  explicit NumberedTokens(std::int64_t size) : size_(size) {}
  std::vector<std::int32_t> encode(std::string_view, bool) const override { return {}; }
  std::string_view bytes_of(std::int32_t) const override { return {}; }
  std::int64_t vocab_size() const override { return size_; }
  void save(const std::filesystem::path&) const override {}

 private:
  std::int64_t size_;
};

}  // namespace seqpe::test
