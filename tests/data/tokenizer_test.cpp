#include "engine/data/tokenizer.h"

#include <gtest/gtest.h>

#include "tests/support/bpe_files.h"
#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

TEST(ByteTokenizer, EveryByteIsItsToken) {
  const auto tokenizer = make_byte_tokenizer();
  std::string text;
  for (int byte = 0; byte < 256; ++byte) text += static_cast<char>(byte);
  const auto ids = tokenizer->encode(text);
  ASSERT_EQ(ids.size(), 256u);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], static_cast<std::int32_t>(i));
  EXPECT_EQ(tokenizer->decode(ids), text);
  EXPECT_EQ(tokenizer->vocab_size(), 256);
  EXPECT_EQ(tokenizer->encode("<|endoftext|>").size(), 13u) << "ordinary text here";
  EXPECT_TRUE(tokenizer->encode("").empty());
  EXPECT_TRUE(tokenizer->begins_with_space(' '));
  EXPECT_FALSE(tokenizer->begins_with_space('\n'));
}

TEST(ByteTokenizer, RefusesOtherIds) {
  const auto tokenizer = make_byte_tokenizer();
  for (const std::int32_t id : {-1, 256}) {
    test::expect_error<DataError>(
        [&] { tokenizer->bytes_of(id); },
        fmt::format("[tokenizer] token ids must lie in [0, 256), got {}.", id));
  }
}

TEST(LoadTokenizer, FindsTheKindOfAFolder) {
  EXPECT_EQ(load_tokenizer("bytes")->vocab_size(), 256);
  const test::TemporaryDirectory bytes, bpe;
  make_byte_tokenizer()->save(bytes.path());
  EXPECT_EQ(load_tokenizer(bytes.path())->vocab_size(), 256);
  test::BpeFiles{{{"a", "b"}}}.write(bpe);
  EXPECT_EQ(load_tokenizer(bpe.path())->vocab_size(), 258);
}

TEST(LoadTokenizer, RefusesWhatIsNone) {
  const test::TemporaryDirectory empty;
  test::expect_error<DataError>(
      [] { load_tokenizer("no/such/folder"); },
      "[tokenizer] data.tokenizer must be 'bytes' or a folder with vocab.json and merges.txt, got "
      "'no/such/folder'.");
  test::expect_error<DataError>([&] { load_tokenizer(empty.path()); },
                                fmt::format("[file] cannot read {}: No such file or directory.",
                                            (empty / "vocab.json").string()));
}

TEST(LoadTokenizer, TellsWhyAFolderCannotBeRead) {
  const test::TemporaryDirectory folder;
  EXPECT_FALSE(holds_tokenizer(folder.path()));
  std::filesystem::create_symlink("circle", folder / "circle");
  test::expect_error_with<DataError>(
      [&] { holds_tokenizer(folder / "circle"); },
      "circle/byte_tokenizer.json: Too many levels of symbolic links.");
}

}  // namespace
}  // namespace seqpe::data
