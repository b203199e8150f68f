// A small byte-level BPE in GPT-2's file format.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace seqpe::test {

/// How GPT-2 writes a byte in its files: printable Latin-1 as itself, the others from U+0100 on.
inline std::string printable_byte(int byte) {
  const auto printable = [](int b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  };
  int code = byte;
  if (!printable(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += !printable(b);
  }
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

inline std::string printable_text(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += printable_byte(static_cast<unsigned char>(byte));
  return text;
}

/// Tokens: byte b has id b, merge i has id 256 + i, then <|endoftext|>.
struct BpeFiles {
  std::vector<std::pair<std::string, std::string>> merges;  // in bytes

  nlohmann::json vocab() const {
    nlohmann::json vocab = nlohmann::json::object();
    for (int byte = 0; byte < 256; ++byte) vocab[printable_byte(byte)] = byte;
    for (const auto& [left, right] : merges) vocab[printable_text(left + right)] = vocab.size();
    vocab["<|endoftext|>"] = vocab.size();
    return vocab;
  }
  std::string merges_text() const {
    std::string text = "#version: 0.2\n";
    for (const auto& [left, right] : merges)
      text += printable_text(left) + " " + printable_text(right) + "\n";
    return text;
  }
  void write(const TemporaryDirectory& folder) const {
    folder.write("vocab.json", vocab().dump());
    folder.write("merges.txt", merges_text());
  }
};

}  // namespace seqpe::test
