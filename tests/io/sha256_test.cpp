#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/io/sha256.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::io {
namespace {

std::string digest(const std::string& text) {
  return sha256(text.data(), text.size());
}

TEST(Sha256, KnownAnswers) {
  // FIPS 180-4's examples; then runs of 'a' around the lengths where the padding takes another
  // block, computed with coreutils' sha256sum.
  const std::pair<std::string, const char*> cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1000000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {std::string(1, 'a'), "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"},
      {std::string(55, 'a'), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
      {std::string(56, 'a'), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
      {std::string(57, 'a'), "f13b2d724659eb3bf47f2dd6af1accc87b81f09f59f2b75e5c0bed6589dfe8c6"},
      {std::string(63, 'a'), "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
      {std::string(64, 'a'), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
      {std::string(65, 'a'), "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
      {std::string(119, 'a'), "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
      {std::string(120, 'a'), "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
      {std::string(127, 'a'), "c57e9278af78fa3cab38667bef4ce29d783787a2f731d4e12200270f0c32320a"},
      {std::string(128, 'a'), "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(digest(text), expected) << text.size();
}

TEST(Sha256, PiecesOfAnyLength) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>('a' + i % 26);
  for (const std::size_t piece : {1u, 7u, 63u, 64u, 65u, 128u, 200u}) {
    Sha256 hash;
    for (std::size_t begin = 0; begin < text.size(); begin += piece)
      hash.add(text.data() + begin, std::min(piece, text.size() - begin));
    EXPECT_EQ(hash.digest(), digest(text)) << piece;
  }
}

TEST(Sha256, EveryBitCounts) {
  std::string text(100, 'a');
  const std::string before = digest(text);
  for (const std::size_t place : {0u, 63u, 64u, 99u}) {
    text[place] ^= 1;
    EXPECT_NE(digest(text), before) << place;
    text[place] ^= 1;
  }
  EXPECT_NE(digest(std::string(3, '\0')), digest(std::string(4, '\0')));
}

TEST(Sha256, OfFiles) {
  const test::TemporaryDirectory folder;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{1} << 20, (std::size_t{5} << 19) + 1}) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * i);
    Sha256 hash;
    EXPECT_EQ(hash.add_file(folder.write("file", text)), size);
    EXPECT_EQ(hash.digest(), digest(text)) << size;
  }
  Sha256 hash;
  test::expect_error<CheckpointError>(
      [&] { hash.add_file<CheckpointError>(folder / "missing"); },
      fmt::format("[file] cannot read {}: No such file or directory.",
                  (folder / "missing").string()));
}

}  // namespace
}  // namespace seqpe::io
