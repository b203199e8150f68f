// Which positions a training step uses: the random shift of the training window (SeqPE, arXiv
// 2506.13277, section 3.4) and the positions of the two regularisers (section 3.3). Everything is a
// function of (seed, step): what an object keeps is a cache of that, so a resumed run draws the
// same. One dimension (text).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/data/epoch_order.h"
#include "models/seqpe/options.h"

namespace seqpe::models {

/// With probability shift.rate a step's sequences start at shift.blocks different positions of a
/// pool drawn once from [0, max_position - length]: sequence b at start b mod shift.blocks. A batch
/// that shift.blocks does not divide has one block, still shifted at that rate. The shifted steps
/// walk the shuffled pool run by run; what an epoch's last run would lack, it leaves.
/// Throws ConfigError if the pool has fewer starts than a step needs, or more than there are.
class ShiftSampler {
 public:
  ShiftSampler(const ShiftOptions& options, std::int64_t max_position, std::int64_t length,
               std::int64_t batch, std::uint64_t seed);
  /// {0}: not shifted.
  std::vector<std::int64_t> starts(std::int64_t step);

 private:
  bool shifted(std::int64_t step) const;
  std::int64_t shifted_before(std::int64_t step);

  double rate_;
  std::int64_t blocks_;
  std::uint64_t seed_;
  std::vector<std::int64_t> pool_;
  std::optional<data::EpochOrder> walk_;  // made when the options are known to be good
  // Shifted steps in [0, counted_steps_), so that a step need not count from 0.
  std::int64_t counted_steps_ = 0, counted_shifts_ = 0;
};

/// How contrastive.mixture `mixed` chooses a pivot's special candidates; the remaining probability
/// takes none. The values are those of text.
struct MixtureShares {
  double hard = 0.4;
  double local = 0.6;
  double hard_candidates = 0.25;  // of contrastive.candidates, in a pivot with hard ones
};

struct ContrastiveSample {
  std::vector<std::int64_t> pivots;      // [pivots]
  std::vector<std::int64_t> candidates;  // [pivots, candidates]: distinct, none equal to the pivot
  std::vector<std::int64_t> labels;  // [pivots]: the candidate nearest to the pivot, the first of
                                     // equals
};

/// Pivots walk through all positions. Each draws contrastive.candidates + 1 uniform positions;
/// `mixed` puts special ones first:
/// - hard: digits like the pivot's but farther away than the nearest uniform position, so that
///   looking alike is not enough;
/// - local: all from one window of contrastive.local_range anywhere, so that small differences must
///   be told apart.
class ContrastiveSampler {
 public:
  ContrastiveSampler(const ContrastiveOptions& options, std::int64_t max_position,
                     std::uint64_t seed, std::int64_t base = 10,
                     const MixtureShares& shares = MixtureShares());
  ContrastiveSample sample(std::int64_t step);

 private:
  ContrastiveOptions options_;
  std::int64_t max_position_, base_;
  MixtureShares shares_;
  std::uint64_t seed_;
  std::optional<data::EpochOrder> walk_;  // made when the options are known to be good
};

struct TransferSample {
  std::vector<std::int64_t> starts;   // [starts], in [length / 4, max_position - length)
  std::vector<std::int64_t> indices;  // [starts, indices], distinct in a row, in [0, length)
};

/// The positions that are compared: [starts, indices].
std::vector<std::int64_t> positions_of(const TransferSample& sample);

/// Windows outside the trained one, and the places in them that are compared. Starts walk through
/// all there are.
class TransferSampler {
 public:
  TransferSampler(const TransferOptions& options, std::int64_t max_position, std::int64_t length,
                  std::uint64_t seed);
  TransferSample sample(std::int64_t step);

 private:
  TransferOptions options_;
  std::int64_t length_, first_start_;
  std::uint64_t seed_;
  std::optional<data::EpochOrder> walk_;  // made when the options are known to be good
};

}  // namespace seqpe::models
