#include "engine/train/checkpoint.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/io/file.h"
#include "engine/io/filesystem_errors.h"
#include "engine/io/json_error.h"
#include "engine/io/sha256.h"

namespace seqpe::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStep = "step_";
constexpr const char* kComplete = "COMPLETE";
constexpr const char* kLatest = "latest";
constexpr const char* kBest = "best";
constexpr const char* kTemporary = "tmp_";

fs::path folder_of(const fs::path& run) {
  return run / "checkpoints";
}

std::string step_name(std::int64_t step) {
  return fmt::format("{}{:08d}", kStep, step);
}

/// The step of a checkpoint's folder; none for another name: a copy that somebody keeps as
/// "step_00000004_good" is none of ours.
std::optional<std::int64_t> step_of(const fs::path& checkpoint) {
  const std::string name = checkpoint.filename();
  if (!name.starts_with(kStep)) return std::nullopt;
  std::int64_t step = 0;
  const auto parsed = std::from_chars(name.data() + kStep.size(), name.data() + name.size(), step);
  if (parsed.ec != std::errc() || name != step_name(step)) return std::nullopt;
  return step;
}

/// Steps of the complete checkpoints, ascending.
std::vector<std::int64_t> steps_of(const fs::path& run) {
  std::vector<std::int64_t> steps;
  if (!fs::is_directory(folder_of(run))) return steps;
  for (const auto& entry : fs::directory_iterator(folder_of(run))) {
    const auto step = step_of(entry.path());
    if (step && is_complete(entry.path())) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

/// For the error about a damaged checkpoint: where the run stood before it.
std::string hint_of_older(const fs::path& checkpoint) {
  const fs::path real = fs::canonical(checkpoint), run = real.parent_path().parent_path();
  const auto damaged = step_of(real);
  if (!damaged || folder_of(run) != real.parent_path()) return "";
  const auto steps = steps_of(run);
  const auto place = std::lower_bound(steps.begin(), steps.end(), *damaged);
  if (place == steps.begin()) return "";
  return fmt::format(" Hint: the checkpoint before it is {}.",
                     (folder_of(run) / step_name(*std::prev(place))).string());
}

/// A symbolic link is replaced by renaming a new one over it: it always points somewhere.
void point(const fs::path& link, const std::string& target) {
  const fs::path temporary = link.string() + ".tmp";
  fs::remove(temporary);
  fs::create_directory_symlink(target, temporary);
  fs::rename(temporary, link);
}

/// A folder of that name is exchanged with the new one, so that neither is ever missing.
void move_over(const fs::path& temporary, const fs::path& target) {
  if (!fs::exists(target)) return fs::rename(temporary, target);
  const bool exchanged =
      ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0;
  if (!exchanged) {  // a file system without it
    fs::remove_all(target);
    return fs::rename(temporary, target);
  }
  fs::remove_all(temporary);
}

/// Throws CheckpointError unless it is a checkpoint that was written to its end.
void check_is_whole(const fs::path& checkpoint) {
  require<CheckpointError>(fs::is_directory(checkpoint), "[checkpoint] {} must be a folder.",
                           checkpoint.string());
  require<CheckpointError>(
      !fs::is_directory(folder_of(checkpoint)),
      "[checkpoint] {} is a run, not a checkpoint. Hint: --run {} --resume auto goes on with it.",
      checkpoint.string(), checkpoint.string());
  require<CheckpointError>(
      is_complete(checkpoint),
      "[checkpoint] {} must hold a file COMPLETE: it was not written to its end.",
      checkpoint.string());
}

/// Throws CheckpointError unless COMPLETE fits the files that are needed.
void check_files(const fs::path& checkpoint, Needed needed) {
  nlohmann::json complete;
  try {
    complete = nlohmann::json::parse(io::read_text<CheckpointError>(checkpoint / kComplete));
    const int version = complete.at("format_version").get<int>();
    require<CheckpointError>(
        version <= kCheckpointFormat,
        "[checkpoint] {}: format_version must be at most {}, got {}. Hint: a newer seqpe_engine "
        "wrote it.",
        checkpoint.string(), kCheckpointFormat, version);
    for (const auto& [name, expected] : complete.at("files").items()) {
      if (needed == Needed::model && name.starts_with(kOptimizerFiles)) continue;
      io::Sha256 hash;
      const std::size_t bytes = hash.add_file<CheckpointError>(checkpoint / name);
      const auto size = expected.at("bytes").get<std::size_t>();
      require<CheckpointError>(bytes == size, "[checkpoint] {} must have {} bytes, has {}.{}",
                               (checkpoint / name).string(), size, bytes,
                               hint_of_older(checkpoint));
      require<CheckpointError>(
          hash.digest() == expected.at("sha256"),
          "[checkpoint] {} was changed since it was written: its SHA-256 differs.{}",
          (checkpoint / name).string(), hint_of_older(checkpoint));
    }
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError(fmt::format("[checkpoint] {}: {}.", (checkpoint / kComplete).string(),
                                      io::reason_of(error)));
  }
}

nlohmann::ordered_json describe_files(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  nlohmann::ordered_json described = nlohmann::ordered_json::object();
  for (const fs::path& file : files) {
    io::Sha256 hash;
    const std::size_t bytes = hash.add_file<CheckpointError>(file);
    described[file.filename().string()] = {{"bytes", bytes}, {"sha256", hash.digest()}};
  }
  return described;
}

}  // namespace

fs::path write_checkpoint(const fs::path& run, std::int64_t step, bool best,
                          const std::function<void(const fs::path&)>& write_files) {
  const fs::path folder = folder_of(run), target = folder / step_name(step);
  const fs::path temporary = folder / (kTemporary + step_name(step));
  fs::create_directories(folder);
  io::sync_directory(run);
  fs::remove_all(temporary);
  fs::create_directory(temporary);
  try {
    write_files(temporary);
    const nlohmann::ordered_json complete = {{"format_version", kCheckpointFormat},
                                             {"files", describe_files(temporary)}};
    io::write_file_atomic(temporary / kComplete, complete.dump(1) + "\n");
  } catch (...) {
    std::error_code ignored;  // the first error is the one to tell
    fs::remove_all(temporary, ignored);
    throw;
  }
  move_over(temporary, target);
  io::sync_directory(folder);
  point(folder / kLatest, step_name(step));
  if (best) point(folder / kBest, step_name(step));
  io::sync_directory(folder);
  return target;
}

void mark_best(const fs::path& run, std::int64_t step) {
  point(folder_of(run) / kBest, step_name(step));
  io::sync_directory(folder_of(run));
}

void mark_latest(const fs::path& run, std::int64_t step) {
  point(folder_of(run) / kLatest, step_name(step));
  io::sync_directory(folder_of(run));
}

bool mark_best_if_there(const fs::path& run, std::optional<std::int64_t> step) {
  if (step && is_complete(folder_of(run) / step_name(*step))) {
    mark_best(run, *step);
    return true;
  }
  fs::remove(folder_of(run) / kBest);
  return false;
}

bool is_of_run(const fs::path& checkpoint, const fs::path& run) {
  std::error_code missing;
  const fs::path real = fs::canonical(checkpoint, missing);
  return !missing && fs::equivalent(real.parent_path(), folder_of(run), missing);
}

bool is_of_training(const fs::path& checkpoint) {
  return fs::exists(checkpoint / kComplete) || fs::exists(checkpoint / kStateFile);
}

bool is_complete(const fs::path& checkpoint) {
  return fs::exists(checkpoint / kComplete);
}

void verify_checkpoint(const fs::path& checkpoint, Needed needed) {
  io::with_filesystem_errors_as<CheckpointError>("checkpoint", [&] { check_is_whole(checkpoint); });
  check_files(checkpoint, needed);
}

std::optional<fs::path> newest_checkpoint(const fs::path& run) {
  // A run that went on from an older checkpoint may hold later steps that it has left behind.
  const auto latest = linked_checkpoint(run, kLatest);
  if (latest && is_complete(*latest)) return latest;
  const auto steps = steps_of(run);
  if (steps.empty()) return std::nullopt;
  return folder_of(run) / step_name(steps.back());
}

std::optional<fs::path> linked_checkpoint(const fs::path& run, const std::string& link) {
  const fs::path path = folder_of(run) / link;
  if (!fs::exists(path)) return std::nullopt;
  return fs::canonical(path);
}

void prune_checkpoints(const fs::path& run, const CheckpointConfig& config) {
  const auto latest = linked_checkpoint(run, kLatest), best = linked_checkpoint(run, kBest);
  auto steps = steps_of(run);
  if (const auto last = latest ? step_of(*latest) : std::nullopt)
    std::erase_if(steps, [&](std::int64_t step) { return step > *last; });
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool recent = static_cast<std::int64_t>(steps.size() - i) <= config.keep_last;
    const bool kept = config.keep_every > 0 && steps[i] % config.keep_every == 0;
    const fs::path path = fs::canonical(folder_of(run)) / step_name(steps[i]);
    if (recent || kept || path == latest || path == best) continue;
    // Renamed first: a crash in between leaves no half checkpoint under a good name.
    fs::rename(path, folder_of(run) / (kTemporary + step_name(steps[i])));
  }
  for (const auto& entry : fs::directory_iterator(folder_of(run))) {
    if (entry.path().filename().string().starts_with(kTemporary)) fs::remove_all(entry.path());
  }
}

}  // namespace seqpe::train
