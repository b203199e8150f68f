// What of a step one rank computes.
#pragma once

#include <cstdint>

#include "engine/dist/process_group.h"
#include "engine/train/train_config.h"

namespace seqpe::train {

/// Rows [begin, end) of the step's batch, `micro_batch` of them at a time; of lists that serve the
/// whole step (the positions of the regularisers), part number `part` of `parts`.
struct Share {
  std::int64_t batch = 1;
  std::int64_t begin = 0, end = 1;
  std::int64_t micro_batch = 1;
  std::int64_t part = 0, parts = 1;

  std::int64_t rows() const { return end - begin; }
};

/// That of a rank among `size`. A deterministic step is made of dist.shards micro-batches, and
/// every rank takes the whole lists. Throws ConfigError where the batch cannot be cut so.
Share share_of_rank(const TrainConfig& config, const dist::DistConfig& dist, int rank, int size);

}  // namespace seqpe::train
