// Which positions a training step uses: the random shift of the training window (SeqPE, section 3.4), and the positions of
// the two regularisers. Everything is a function of (seed, step): nothing is stored, and a resumed run draws the same.
// One dimension (text).
#pragma once

#include <cstdint>
#include <vector>

#include "models/seqpe/options.h"

namespace seqpe::models {

/// An endless walk over [0, count), in an order of its own each epoch. Item n is a function of (seed, stream, n).
class ShuffledWalk {
 public:
  ShuffledWalk(std::int64_t count, std::uint64_t seed, std::uint32_t stream);
  std::int64_t at(std::int64_t n);

 private:
  std::uint64_t seed_;
  std::uint32_t stream_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

/// With probability shift.rate a step's sequences start at shift.blocks different positions of a pool drawn once; a batch
/// that shift.blocks does not divide has one block, still shifted at that rate.
class ShiftSampler {
 public:
  ShiftSampler(const ShiftOptions& options, std::int64_t max_position, std::int64_t length, std::int64_t batch,
               std::uint64_t seed);
  /// {0}: not shifted.
  std::vector<std::int64_t> starts(std::int64_t step);

 private:
  double rate_;
  std::int64_t blocks_;
  std::uint64_t seed_;
  std::vector<std::int64_t> pool_;
  ShuffledWalk walk_;
};

struct ContrastiveSample {
  std::vector<std::int64_t> pivots;      // [pivots]
  std::vector<std::int64_t> candidates;  // [pivots, candidates]: none equal to the pivot, all distinct
  std::vector<std::int64_t> labels;      // [pivots]: the candidate nearest to the pivot, the first of equals
};

class ContrastiveSampler {
 public:
  ContrastiveSampler(const ContrastiveOptions& options, std::int64_t max_position, std::uint64_t seed);
  ContrastiveSample sample(std::int64_t step);

 private:
  ContrastiveOptions options_;
  std::int64_t max_position_;
  std::uint64_t seed_;
  ShuffledWalk walk_;
};

struct TransferSample {
  std::vector<std::int64_t> starts;   // [starts], in [length / 4, max_position - length)
  std::vector<std::int64_t> indices;  // [starts, indices], distinct in a row, in [0, length)
};

class TransferSampler {
 public:
  TransferSampler(const TransferOptions& options, std::int64_t max_position, std::int64_t length, std::uint64_t seed);
  TransferSample sample(std::int64_t step);

 private:
  TransferOptions options_;
  std::int64_t length_, first_start_;
  std::uint64_t seed_;
  ShuffledWalk walk_;
};

}  // namespace seqpe::models
