// Which positions a training step uses: the random shift of the training window (SeqPE, arXiv
// 2506.13277, section 3.4) and the positions of the two regularisers (section 3.3). Everything is a
// function of (seed, step): what an object keeps is a cache of that, so a resumed run draws the
// same. A position is as many integers as its space has dimensions, positions follow one another.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/data/epoch_order.h"
#include "models/seqpe/digit_edits.h"
#include "models/seqpe/options.h"
#include "models/seqpe/position_space.h"

namespace seqpe::models {

/// With probability shift.rate a step's sequences start at shift.blocks different positions of a
/// pool drawn once from all starts whose window (a block of text, a grid of patches) stays in the
/// space: sequence b at start b mod shift.blocks. A batch that shift.blocks does not divide has one
/// block, still shifted at that rate. The shifted steps walk the shuffled pool run by run; what an
/// epoch's last run would lack, it leaves.
/// Throws ConfigError if the window does not fit, or the pool has fewer starts than a step needs or
/// more than there are.
class ShiftSampler {
 public:
  /// window: {tokens} or {rows, columns}; batch: sequences of a step.
  ShiftSampler(const ShiftOptions& options, const PositionSpace& space, const Extent& window,
               std::int64_t batch, std::uint64_t seed);
  /// The origin alone: not shifted.
  std::vector<std::int64_t> starts(std::int64_t step);

 private:
  bool shifted(std::int64_t step) const;
  std::int64_t shifted_before(std::int64_t step);

  PositionSpace space_;
  double rate_;
  std::int64_t blocks_;
  std::uint64_t seed_;
  std::vector<std::int64_t> pool_;        // numbers of positions
  std::optional<data::EpochOrder> walk_;  // made when the options are known to be good
  // Shifted steps in [0, counted_steps_), so that a step need not count from 0.
  std::int64_t counted_steps_ = 0, counted_shifts_ = 0;
};

/// How contrastive.mixture `mixed` chooses a pivot's special candidates; the remaining probability
/// takes none. The default is that of text.
struct MixtureShares {
  double hard = 0.4;
  double local = 0.6;
  double hard_candidates = 0.25;  // of contrastive.candidates, in a pivot with hard ones
};
inline constexpr MixtureShares kImageMixture{.hard = 0.3, .local = 0.2, .hard_candidates = 0.2};

struct ContrastiveSample {
  std::vector<std::int64_t> pivots;      // [pivots, dimensions]
  std::vector<std::int64_t> candidates;  // [pivots, candidates, dimensions]: distinct, none the
                                         // pivot
  std::vector<std::int64_t> labels;  // [pivots]: the candidate nearest to the pivot, the first of
                                     // equals
};

/// Pivots walk through all positions. Each draws contrastive.candidates + 1 uniform positions;
/// `mixed` puts special ones first:
/// - hard: digits like the pivot's but farther away than the nearest uniform position, so that
///   looking alike is not enough;
/// - local: all from one window anywhere, so that small differences must be told apart. Its side is
///   contrastive.local_range in one dimension, in two at least 14 and more for many candidates: the
///   largest whole number whose square is at most 5 contrastive.candidates.
class ContrastiveSampler {
 public:
  ContrastiveSampler(const ContrastiveOptions& options, const PositionSpace& space,
                     std::uint64_t seed, std::int64_t base = 10,
                     const MixtureShares& shares = MixtureShares());
  ContrastiveSample sample(std::int64_t step);

 private:
  std::int64_t nearest_to(std::int64_t pivot, const std::vector<std::int64_t>& numbers) const;
  std::vector<std::int64_t> hard_candidates(std::int64_t pivot,
                                            const std::vector<std::int64_t>& uniform,
                                            PhiloxGenerator& random) const;

  ContrastiveOptions options_;
  PositionSpace space_;
  DigitEdits edits_;
  std::int64_t local_side_;
  MixtureShares shares_;
  std::uint64_t seed_;
  std::optional<data::EpochOrder> walk_;  // made when the options are known to be good
};

struct TransferSample {
  std::vector<std::int64_t> starts;   // [starts, dimensions]
  std::vector<std::int64_t> indices;  // [starts, indices], distinct in a row: places of the window,
                                      // row by row
};

/// The positions that are compared: [starts, indices, dimensions].
std::vector<std::int64_t> positions_of(const TransferSample& sample, const Extent& window);

/// Windows outside the trained one, and the places in them that are compared. Starts walk through
/// all there are below the last: those of text that are at least a quarter of the window, those of
/// images that are not below the window along both axes.
class TransferSampler {
 public:
  TransferSampler(const TransferOptions& options, const PositionSpace& space, const Extent& window,
                  std::uint64_t seed);
  TransferSample sample(std::int64_t step);

 private:
  TransferOptions options_;
  PositionSpace space_;
  Extent window_;
  std::vector<std::int64_t> starts_;  // numbers of positions
  std::uint64_t seed_;
  std::optional<data::EpochOrder> walk_;  // made when the options are known to be good
};

}  // namespace seqpe::models
