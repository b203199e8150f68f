// Checkpoint folders: RUN/checkpoints/step_00001000. Written under a temporary name, synced,
// renamed; COMPLETE, the list of files with sizes and SHA-256, comes last. A crash at any instant
// leaves the previous checkpoint whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/train/train_config.h"

namespace seqpe::train {

inline constexpr int kCheckpointFormat = 1;
/// What the loop keeps beside the weights: step, tokens, best evaluation.
inline constexpr const char* kStateFile = "trainer_state.json";
/// Begins the names of the files of the optimiser's moments.
inline constexpr const char* kOptimizerFiles = "optimizer.";

/// Writes a checkpoint of `step`; `write_files` fills the folder it is given. Returns the final
/// path, and points `latest` (and `best`, if asked) at it.
std::filesystem::path write_checkpoint(
    const std::filesystem::path& run, std::int64_t step, bool best,
    const std::function<void(const std::filesystem::path&)>& write_files);

/// Points `best` or `latest` at the checkpoint of `step`.
void mark_best(const std::filesystem::path& run, std::int64_t step);
void mark_latest(const std::filesystem::path& run, std::int64_t step);

/// Points `best` at the checkpoint of `step`; false, and `best` gone, if there is none or no step.
bool mark_best_if_there(const std::filesystem::path& run, std::optional<std::int64_t> step);

/// True if `checkpoint` is one of this run.
bool is_of_run(const std::filesystem::path& checkpoint, const std::filesystem::path& run);

/// A folder that a training wrote or was writing: it must have its COMPLETE. Weights that somebody
/// put together need none.
bool is_of_training(const std::filesystem::path& checkpoint);

/// A COMPLETE is there: it was written to its end.
bool is_complete(const std::filesystem::path& checkpoint);

/// Which files of a checkpoint somebody needs: all to go on training, the model's to compute it.
enum class Needed : std::uint8_t { all, model };

/// Throws CheckpointError unless `checkpoint` has a COMPLETE of a known format that fits the files
/// that are needed.
void verify_checkpoint(const std::filesystem::path& checkpoint, Needed needed = Needed::all);

/// The checkpoint of a run that was written last and is complete; none if there is none.
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& run);

/// What `latest` or `best` points at, if it is there.
std::optional<std::filesystem::path> linked_checkpoint(const std::filesystem::path& run,
                                                       const std::string& link);

/// Removes old checkpoints beyond keep_last and keep_every, never latest or best, and leftovers of
/// a crash. Steps beyond the latest, which a run left behind that went on from an older one, stay
/// until they are written anew.
void prune_checkpoints(const std::filesystem::path& run, const CheckpointConfig& config);

}  // namespace seqpe::train
