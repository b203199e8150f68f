#include "engine/train/share.h"

#include <algorithm>
#include <bit>

namespace seqpe::train {
namespace {

bool divides(std::int64_t part, std::int64_t whole) {
  return part > 0 && whole % part == 0;
}

Share deterministic_share(const TrainConfig& config, const dist::DistConfig& dist,
                          std::int64_t rank, std::int64_t size) {
  const std::int64_t shards = dist.shards, batch = config.batch_size;
  require<ConfigError>(dist.wire == dist::Wire::fp32,
                       "[config] dist.wire must be fp32 with dist.deterministic: what is rounded "
                       "would depend on the number of processes; got bf16.");
  require<ConfigError>(std::has_single_bit(static_cast<std::uint64_t>(shards)),
                       "[config] dist.shards must be a power of two, got {}.", shards);
  require<ConfigError>(divides(shards, batch),
                       "[config] dist.shards must divide train.batch_size {}, got {}. Hint: --set "
                       "train.batch_size={}.",
                       batch, shards, (batch / shards + 1) * shards);
  require<ConfigError>(divides(size, shards),
                       "[config] the number of processes must divide dist.shards {} (with "
                       "dist.deterministic), got {}. Hint: so many processes or fewer, a power of "
                       "two; or more dist.shards, which change the result.",
                       shards, size);
  require<ConfigError>(
      config.micro_batch_size == 0 || config.micro_batch_size == batch / shards,
      "[config] train.micro_batch_size must be auto or {} (train.batch_size {} in {} dist.shards), "
      "got {}.",
      batch / shards, batch, shards, config.micro_batch_size);
  return {.batch = batch,
          .begin = rank * (batch / size),
          .end = (rank + 1) * (batch / size),
          .micro_batch = batch / shards};
}

}  // namespace

Share share_of_rank(const TrainConfig& config, const dist::DistConfig& dist, int rank, int size) {
  if (dist.deterministic) return deterministic_share(config, dist, rank, size);
  const std::int64_t batch = config.batch_size, rows = batch / size,
                     micro_batch = config.micro_batch_size == 0
                                       ? rows
                                       : std::min(config.micro_batch_size, rows);
  require<ConfigError>(divides(size, batch),
                       "[config] the number of processes must divide train.batch_size, got {} "
                       "processes and {} rows. Hint: --set train.batch_size={}.",
                       size, batch, (batch / size + 1) * size);
  require<ConfigError>(divides(micro_batch, rows),
                       "[config] train.micro_batch_size must divide the rows of a process, got {} "
                       "and {} (train.batch_size {} on {} processes).",
                       micro_batch, rows, batch, size);
  return {.batch = batch,
          .begin = rank * rows,
          .end = (rank + 1) * rows,
          .micro_batch = micro_batch,
          .part = rank,
          .parts = size};
}

}  // namespace seqpe::train
