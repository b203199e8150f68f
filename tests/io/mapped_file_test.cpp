#include "engine/io/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::io {
namespace {

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(MappedFile, HoldsTheFile) {
  const test::TemporaryDirectory folder;
  const std::string content = std::string(5000, 'a') + std::string(1, '\0') + "end";
  EXPECT_EQ(text_of(MappedFile(folder.write("file", content))), content);
  EXPECT_TRUE(MappedFile(folder.write("empty", "")).bytes().empty());
}

TEST(MappedFile, StaysWhenTheNameGoes) {
  const test::TemporaryDirectory folder;
  const auto path = folder.write("file", "content");
  const MappedFile file(path);
  folder.write("file", "another");  // a new file of that name
  EXPECT_EQ(text_of(file), "content");
}

TEST(MappedFile, WhatCannotBeReadIsNamed) {
  const test::TemporaryDirectory folder;
  const auto open = [](const std::filesystem::path& path) { const MappedFile file(path); };
  test::expect_error<DataError>([&] { open(folder / "missing"); },
                                fmt::format("[file] cannot read {}: No such file or directory.",
                                            (folder / "missing").string()));
  test::expect_error<DataError>(
      [&] { open(folder.path()); },
      fmt::format("[file] {} must be a file, it is something else.", folder.path().string()));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  test::expect_error<DataError>(
      [&] { open(folder / "pipe"); },
      fmt::format("[file] {} must be a file, it is something else.", (folder / "pipe").string()));
}

}  // namespace
}  // namespace seqpe::io
