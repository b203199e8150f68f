#include "engine/io/sha256.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "engine/io/file.h"

namespace seqpe::io {
namespace {

constexpr std::array<std::uint32_t, 64> kRoundConstants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using State = std::array<std::uint32_t, 8>;

void absorb(State& state, const unsigned char* block) {
  std::uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    w[i] = static_cast<std::uint32_t>(block[4 * i]) << 24 |
           static_cast<std::uint32_t>(block[4 * i + 1]) << 16 |
           static_cast<std::uint32_t>(block[4 * i + 2]) << 8 | block[4 * i + 3];
  }
  for (int i = 16; i < 64; ++i) {
    const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (int i = 0; i < 64; ++i) {
    const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 =
        h + s1 + ((e & f) ^ (~e & g)) + kRoundConstants[static_cast<std::size_t>(i)] + w[i];
    const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const State rounds{a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += rounds[i];
}

}  // namespace

void Sha256::add(const void* data, std::size_t bytes) {
  const auto* next = static_cast<const unsigned char*>(data);
  while (bytes > 0) {
    const std::size_t filled = bytes_ % block_.size();
    const std::size_t count = std::min(block_.size() - filled, bytes);
    if (count == block_.size()) {
      absorb(state_, next);
    } else {
      std::copy_n(next, count, block_.begin() + static_cast<std::ptrdiff_t>(filled));
      if (filled + count == block_.size()) absorb(state_, block_.data());
    }
    bytes_ += count;
    next += count;
    bytes -= count;
  }
}

std::string Sha256::digest() {
  // A one bit, zeros, then the number of bits in the last 8 bytes of a block.
  const std::uint64_t bits = bytes_ * 8;
  const std::array<unsigned char, 64> padding{0x80};
  add(padding.data(), 1 + (2 * block_.size() - 9 - bytes_ % block_.size()) % block_.size());
  unsigned char length[8];
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(bits >> (8 * (7 - i)));
  add(length, sizeof(length));
  std::string text;
  for (const std::uint32_t word : state_) text += fmt::format("{:08x}", word);
  return text;
}

std::size_t Sha256::add_file(const std::filesystem::path& path, std::string& error) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  FileReader file(path, error);
  std::vector<std::byte> piece(std::min(kPiece, file.size()));
  for (std::size_t done = 0; done < file.size() && error.empty(); done += piece.size()) {
    piece.resize(std::min(kPiece, file.size() - done));
    file.read(piece.data(), piece.size());
    if (error.empty()) add(piece.data(), piece.size());
  }
  return file.size();
}

std::string sha256(const void* data, std::size_t bytes) {
  Sha256 hash;
  hash.add(data, bytes);
  return hash.digest();
}

}  // namespace seqpe::io
