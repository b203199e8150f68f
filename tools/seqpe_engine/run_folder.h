// The folder of a training run: where it is, whether it may be used, what describes the run in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kernels/common/context.h"
#include "models/config/config.h"

namespace seqpe::tools {

/// --resume with this word goes on with the newest checkpoint.
inline constexpr const char* kResumeAuto = "auto";

/// A name that is not taken: runs/RECIPE-DATE-TIME.
std::filesystem::path new_run_folder(const std::string& recipe);

/// The folder of a run and those above it, made where they are not there. Unless it is kept, what
/// was made goes again with what lies in it: a start that failed leaves no trace.
class RunFolder {
 public:
  /// Throws UsageError where it cannot be made.
  explicit RunFolder(const std::filesystem::path& path);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// True if nobody had made it before.
  bool is_new() const { return !made_.empty() && made_.back() == path_; }
  void keep() { made_.clear(); }

 private:
  void undo() const;

  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;  // the outermost first
};

/// The checkpoint that --resume means for `run`: none to start fresh. Throws UsageError where the
/// run would be mixed with another.
std::optional<std::filesystem::path> checkpoint_to_resume(const std::string& resume,
                                                          const std::filesystem::path& run);

/// config.yaml, command.txt (this command after those before) and env.json, which tells the machine
/// the device that computes and how many processes train together.
void write_run_files(const std::filesystem::path& run, const models::Config& config, Device device,
                     int processes);

}  // namespace seqpe::tools
