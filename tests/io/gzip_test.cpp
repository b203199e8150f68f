#include "engine/io/gzip.h"

#include "tests/support/expect_error.h"
#include "tests/support/gzip_file.h"

namespace seqpe::io {
namespace {

std::string decompressed(const std::string& file, std::size_t limit = 1'000'000) {
  const auto content = decompress_gzip(std::as_bytes(std::span(file)), "a.gz", limit);
  return {reinterpret_cast<const char*>(content.data()), content.size()};
}

TEST(Gzip, GivesBackWhatWasPacked) {
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += static_cast<char>(i * i);
  EXPECT_EQ(decompressed(test::gzip_file(content)), content);
  EXPECT_EQ(decompressed(test::gzip_file("")), "");
}

TEST(Gzip, IsToldByItsFirstBytes) {
  const auto is = [](const std::string& text) { return is_gzip(std::as_bytes(std::span(text))); };
  EXPECT_TRUE(is(test::gzip_file("")));
  EXPECT_FALSE(is("\x1f"));
  EXPECT_FALSE(is("other"));
}

TEST(Gzip, HoldsAtMostTheLimit) {
  const std::string content(100'000, 'a');
  EXPECT_EQ(decompressed(test::gzip_file(content), 100'000), content);
  test::expect_error<DataError>([&] { decompressed(test::gzip_file(content), 99'999); },
                                "[gzip] a.gz: expected at most 99999 bytes in it, got more.");
}

TEST(Gzip, DamagedFilesAreRefused) {
  const std::string whole = test::gzip_file("some text, some text");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    test::expect_error<DataError>([&] { decompressed(whole.substr(0, length)); },
                                  "[gzip] a.gz ends early.");
  }
  std::string other = whole;
  other[other.size() - 8] ^= 1;
  test::expect_error<DataError>([&] { decompressed(other); },
                                "[gzip] a.gz: cannot unpack: incorrect data check.");
  test::expect_error<DataError>([&] { decompressed("text"); },
                                "[gzip] a.gz: cannot unpack: incorrect header check.");
  test::expect_error<DataError>([&] { decompressed(whole + "more"); },
                                "[gzip] a.gz: 4 bytes follow behind its end.");
}

}  // namespace
}  // namespace seqpe::io
