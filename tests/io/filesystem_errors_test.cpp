#include "engine/io/filesystem_errors.h"

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::io {
namespace {

namespace fs = std::filesystem;

TEST(FilesystemErrors, BecomeOursWithPathAndReason) {
  const test::TemporaryDirectory folder;
  const fs::path loop = folder / "loop";
  fs::create_symlink("loop", loop);
  test::expect_error<CheckpointError>(
      [&] { with_filesystem_errors_as<CheckpointError>("room", [&] { return fs::exists(loop); }); },
      fmt::format("[room] cannot use {}: Too many levels of symbolic links.", loop.string()));
}

TEST(FilesystemErrors, OtherErrorsAndResultsPass) {
  EXPECT_EQ(with_filesystem_errors_as<DataError>("room", [] { return 3; }), 3);
  test::expect_error<UsageError>(
      [] { with_filesystem_errors_as<DataError>("room", [] { throw UsageError("as it is"); }); },
      "as it is");
}

}  // namespace
}  // namespace seqpe::io
