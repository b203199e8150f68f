#include "tools/seqpe_engine/run_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <omp.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/core/version.h"
#include "engine/io/file.h"
#include "engine/io/filesystem_errors.h"
#include "engine/train/checkpoint.h"
#include "kernels/common/isa.h"
#include "models/tasks/stored_model.h"
#include "seqpe_engine/commit.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/device_facts.h"

namespace seqpe::tools {

namespace fs = std::filesystem;

namespace {

bool holds_no_run(const fs::path& folder) {
  if (!fs::exists(folder)) return true;
  require<UsageError>(fs::is_directory(folder), "[run] {} must be a folder, it is a file.",
                      folder.string());
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != ".lock") return false;
  }
  return true;
}

std::optional<fs::path> checkpoint_for(const std::string& resume, const fs::path& run) {
  if (resume.empty()) {
    require<UsageError>(
        holds_no_run(run),
        "[run] {} must be empty for a new run. Hint: --resume auto goes on with it.", run.string());
    return std::nullopt;
  }
  if (resume == kResumeAuto) return train::newest_checkpoint(run);
  require<UsageError>(
      holds_no_run(run) || train::is_of_run(resume, run),
      "[run] {} must be empty to go on from {}, which is not of that run. Hint: choose another "
      "--run.",
      run.string(), resume);
  return fs::path(resume);
}

}  // namespace

fs::path new_run_folder(const std::string& recipe) {
  const std::time_t now = std::time(nullptr);
  const fs::path base =
      fs::path("runs") / fmt::format("{}-{:%Y%m%d-%H%M%S}", recipe, fmt::localtime(now));
  fs::path folder = base;
  for (int n = 2; fs::exists(folder); ++n) folder = fmt::format("{}-{}", base.string(), n);
  return folder;
}

RunFolder::RunFolder(const fs::path& path)
    : path_(path.has_filename() ? path : path.parent_path()) {  // "a/b/" has itself above it
  std::error_code failure;
  std::vector<fs::path> missing;
  for (fs::path next = path_; !next.empty() && !fs::exists(next, failure);
       next = next.parent_path())
    missing.push_back(next);
  failure.clear();
  for (auto next = missing.rbegin(); next != missing.rend() && !failure; ++next) {
    if (fs::create_directory(*next, failure)) made_.push_back(*next);
  }
  if (!failure) return;
  undo();
  throw UsageError(
      fmt::format("[run] cannot make the folder {}: {}.", path_.string(), failure.message()));
}

RunFolder::~RunFolder() {
  undo();
}

void RunFolder::undo() const {
  std::error_code ignored;
  if (is_new()) fs::remove_all(path_, ignored);
  // What is above stays where another run lies in it by now.
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);
}

std::optional<fs::path> checkpoint_to_resume(const std::string& resume, const fs::path& run) {
  return io::with_filesystem_errors_as<UsageError>("run",
                                                   [&] { return checkpoint_for(resume, run); });
}

void write_run_files(const fs::path& run, const models::Config& config, Device device,
                     int processes) {
  models::Config copy = config;
  io::write_file_atomic(run / models::kConfigFile, config::dump(models::fields_of(copy)));
  std::string command;
  for (const std::string& word : command_line())
    command += (command.empty() ? "" : " ") + shell_quoted(word);
  std::string commands;  // a run that was resumed has several
  if (fs::exists(run / models::kCommandFile))
    commands = io::read_text<Error>(run / models::kCommandFile);
  io::write_file_atomic(run / models::kCommandFile, commands + command + "\n");
  nlohmann::ordered_json environment = {
      {"version", version()},
      {"commit", kCommit},
      {"compiler", SEQPE_COMPILER},
      {"gemm", SEQPE_GEMM_NAME},
      {"instruction_set", kernels::name_of(kernels::active_isa())},
      {"threads", omp_get_max_threads()},
      {"processes", processes},
      {"device", name_of(device)}};
  if (device == Device::cuda) {
    for (const auto& [name, value] : device_facts()) environment["cuda"][name] = value;
  }
  io::write_file_atomic(run / "env.json", environment.dump(1) + "\n");
}

}  // namespace seqpe::tools
