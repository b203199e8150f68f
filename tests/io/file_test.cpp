#include "engine/io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::io {
namespace {

namespace fs = std::filesystem;

TEST(File, ReadsEveryByte) {
  const test::TemporaryDirectory folder;
  std::string content;
  for (int i = 0; i < 1000; ++i) content += static_cast<char>(i);
  EXPECT_EQ(read_text(folder.write("bytes", content)), content);
  EXPECT_EQ(read_text(folder.write("empty", "")), "");
}

TEST(File, WhatCannotBeReadIsNamed) {
  const test::TemporaryDirectory folder;
  const fs::path missing = folder / "missing";
  const std::string no_file =
      fmt::format("[file] cannot read {}: No such file or directory.", missing.string());
  test::expect_error<DataError>([&] { read_file(missing); }, no_file);
  test::expect_error<ConfigError>([&] { read_text<ConfigError>(missing); }, no_file);
  test::expect_error<DataError>(
      [&] { read_file(folder.path()); },
      fmt::format("[file] {} must be a file, it is something else.", folder.path().string()));
  std::string error;
  EXPECT_TRUE(read_file(missing, error).empty());
  EXPECT_EQ(error, no_file);
}

TEST(File, WriterReplacesWhatWasThere) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder.write("file", "something longer");
  FileWriter writer(path);
  writer.write("one", 3);
  writer.write("", 0);
  writer.write(" two", 4);
  writer.close();
  EXPECT_EQ(read_text(path), "one two");
}

TEST(File, WhatCannotBeWrittenIsNamed) {
  const test::TemporaryDirectory folder;
  const fs::path nowhere = folder / "missing/file";
  test::expect_error<Error>(
      [&] { FileWriter writer(nowhere); },
      fmt::format("[file] cannot write {}: No such file or directory.", nowhere.string()));
  test::expect_error<Error>([&] { sync_directory(folder / "missing"); },
                            fmt::format("[file] cannot open folder {}: No such file or directory.",
                                        (folder / "missing").string()));
}

TEST(File, AFullDiskIsAnError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  FileWriter writer("/dev/full");
  test::expect_error<Error>([&] { writer.write("text", 4); },
                            "[file] cannot write /dev/full: No space left on device.");
}

TEST(File, WhatCannotBeSyncedIsAnError) {
  // Nothing is behind it to sync: its sync fails without a broken disk.
  const int null_device = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const bool refuses = ::fsync(null_device) != 0;
  ::close(null_device);
  if (!refuses) GTEST_SKIP() << "this system syncs /dev/null";
  FileWriter writer("/dev/null");
  writer.write("text", 4);
  test::expect_error<Error>([&] { writer.close(); },
                            "[file] cannot write /dev/null: Invalid argument.");
}

TEST(File, AtomicWriteReplacesAndLeavesNothingBeside) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder / "state.json";
  for (const std::string content : {"first, the longer", "second", ""}) {
    write_file_atomic(path, content);
    EXPECT_EQ(read_text(path), content);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(File, AtomicWriteThatFailsLeavesTheOldContent) {
  const test::TemporaryDirectory folder;
  fs::create_directory(folder / "state.json");
  folder.write("state.json/old", "old");
  test::expect_error<Error>(
      [&] { write_file_atomic(folder / "state.json", "new"); },
      fmt::format("[file] cannot write {}: Is a directory.", (folder / "state.json").string()));
  EXPECT_EQ(read_text(folder / "state.json/old"), "old");
  EXPECT_FALSE(fs::exists(folder / "state.json.tmp"));
}

TEST(File, AtomicWriteByPiecesIsThereWholeOrNotAtAll) {
  const test::TemporaryDirectory folder;
  const fs::path path = folder / "pieces";
  write_file_atomic(path, [&](FileWriter& writer) {
    writer.write("one, ", 5);
    EXPECT_FALSE(fs::exists(path));
    writer.write("two", 3);
  });
  EXPECT_EQ(read_text(path), "one, two");
  test::expect_error<DataError>(
      [&] {
        write_file_atomic(path, [](FileWriter& writer) {
          writer.write("three", 5);
          throw DataError("no more");
        });
      },
      "no more");
  EXPECT_EQ(read_text(path), "one, two");
  EXPECT_FALSE(fs::exists(folder / "pieces.tmp"));
}

TEST(DirectoryLock, SecondLockIsRefusedUntilTheFirstIsGone) {
  const test::TemporaryDirectory folder;
  std::optional<DirectoryLock> first(folder.path());
  test::expect_error<UsageError>(
      [&] { DirectoryLock second(folder.path()); },
      fmt::format("[run] {} is in use by another process. Hint: choose another --run.",
                  folder.path().string()));
  const test::TemporaryDirectory other;
  EXPECT_NO_THROW(DirectoryLock{other.path()});
  first.reset();
  EXPECT_NO_THROW(DirectoryLock{folder.path()});
}

TEST(DirectoryLock, FolderMustExist) {
  const test::TemporaryDirectory folder;
  const fs::path missing = folder / "missing";
  test::expect_error<UsageError>([&] { DirectoryLock{missing}; },
                                 fmt::format("[run] cannot lock {}: No such file or directory.",
                                             (missing / ".lock").string()));
}

}  // namespace
}  // namespace seqpe::io
