#include "models/seqpe/samplers.h"

#include <algorithm>
#include <cstdlib>
#include <unordered_set>
#include <utility>

#include "engine/core/random.h"
#include "engine/core/stream_id.h"
#include "kernels/common/error.h"

namespace seqpe::models {
namespace {

PhiloxGenerator generator(std::uint64_t seed, const char* stream, std::int64_t step) {
  return PhiloxGenerator(
      {.seed = seed, .stream = stream_id(stream), .step = static_cast<std::uint32_t>(step)});
}

using Digits = std::vector<std::int64_t>;

/// One random edit: a digit inserted, deleted, swapped with another or replaced by another.
Digits edited_once(Digits digits, std::int64_t base, PhiloxGenerator& random) {
  const auto count = static_cast<std::int64_t>(digits.size());
  const auto at = digits.begin() + random.uniform_int(count);
  switch (random.uniform_int(4)) {
    case 0:
      digits.insert(digits.begin() + random.uniform_int(count + 1), random.uniform_int(base));
      break;
    case 1:
      digits.erase(at);
      break;
    case 2:
      if (count > 1) {
        const std::int64_t step = 1 + random.uniform_int(count - 1);
        std::iter_swap(at, digits.begin() + (at - digits.begin() + step) % count);
      }
      break;
    default:
      *at = (*at + 1 + random.uniform_int(base - 1)) % base;
  }
  return digits;
}

/// The position that the digits write, or max_position if they write none below it: no digit, a
/// leading zero, too large.
std::int64_t position_of(const Digits& digits, std::int64_t base, std::int64_t max_position) {
  if (digits.empty() || (digits.size() > 1 && digits[0] == 0)) return max_position;
  std::int64_t value = 0;
  for (const std::int64_t digit : digits) {
    value = std::min(value * base + digit, max_position);  // cannot overflow
  }
  return value;
}

/// A position whose digits are those of `position` after 1 to 3 edits. An edit that changes nothing
/// or does not lead to a position is made anew.
std::int64_t with_edited_digits(std::int64_t position, std::int64_t base, std::int64_t max_position,
                                PhiloxGenerator& random) {
  Digits digits;
  for (std::int64_t rest = position; rest > 0 || digits.empty(); rest /= base) {
    digits.insert(digits.begin(), rest % base);
  }
  for (std::int64_t edits = 1 + random.uniform_int(3); edits > 0;) {
    Digits edited = edited_once(digits, base, random);
    if (edited == digits || position_of(edited, base, max_position) == max_position) continue;
    digits = std::move(edited);
    --edits;
  }
  return position_of(digits, base, max_position);
}

/// `count` distinct uniform positions of [low, high).
std::vector<std::int64_t> draw_distinct(std::int64_t count, std::int64_t low, std::int64_t high,
                                        PhiloxGenerator& random) {
  std::vector<std::int64_t> drawn;
  std::unordered_set<std::int64_t> taken;
  while (static_cast<std::int64_t>(drawn.size()) < count) {
    const std::int64_t one = low + random.uniform_int(high - low);
    if (taken.insert(one).second) drawn.push_back(one);
  }
  return drawn;
}

/// The index of the position nearest to the pivot, the first of equals.
std::int64_t nearest_to(std::int64_t pivot, const std::vector<std::int64_t>& positions) {
  return std::min_element(positions.begin(), positions.end(),
                          [&](std::int64_t a, std::int64_t b) {
                            return std::abs(a - pivot) < std::abs(b - pivot);
                          }) -
         positions.begin();
}

}  // namespace

ShiftSampler::ShiftSampler(const ShiftOptions& options, std::int64_t max_position,
                           std::int64_t length, std::int64_t batch, std::uint64_t seed)
    : rate_(options.rate),
      blocks_(options.blocks > 0 && batch % options.blocks == 0 ? options.blocks : 1),
      seed_(seed) {
  require<ConfigError>(max_position >= length,
                       "[seqpe] seqpe.max_position must be at least data.block_size {}, got {}.",
                       length, max_position);
  if (rate_ <= 0) return;
  require<ConfigError>(options.pool >= blocks_,
                       "[seqpe] seqpe.shift.pool must be at least seqpe.shift.blocks {}, got {}.",
                       blocks_, options.pool);
  const std::int64_t possible = max_position - length + 1;
  require<ConfigError>(options.pool <= possible,
                       "[seqpe] seqpe.shift.pool must be at most {} (the starts of blocks of {} "
                       "below seqpe.max_position {}), got {}.",
                       possible, length, max_position, options.pool);
  PhiloxGenerator random = generator(seed, "seqpe.shift.pool", 0);
  pool_ = draw_distinct(options.pool, 0, possible, random);
  walk_.emplace(options.pool, seed, "seqpe.shift.walk");
}

bool ShiftSampler::shifted(std::int64_t step) const {
  return generator(seed_, "seqpe.shift.rate", step).uniform() < rate_;
}

std::int64_t ShiftSampler::shifted_before(std::int64_t step) {
  if (step < counted_steps_) counted_steps_ = counted_shifts_ = 0;
  for (; counted_steps_ < step; ++counted_steps_) counted_shifts_ += shifted(counted_steps_);
  return counted_shifts_;
}

std::vector<std::int64_t> ShiftSampler::starts(std::int64_t step) {
  if (!shifted(step)) return {0};
  const auto pool = static_cast<std::int64_t>(pool_.size());
  // Runs never cross an epoch's end, where the next order could repeat a start.
  const std::int64_t runs = pool / blocks_, run = shifted_before(step);
  const std::int64_t first = run / runs * pool + run % runs * blocks_;
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i < blocks_; ++i) {
    starts.push_back(pool_[static_cast<std::size_t>(walk_->at(first + i))]);
  }
  return starts;
}

ContrastiveSampler::ContrastiveSampler(const ContrastiveOptions& options, std::int64_t max_position,
                                       std::uint64_t seed, std::int64_t base,
                                       const MixtureShares& shares)
    : options_(options), max_position_(max_position), base_(base), shares_(shares), seed_(seed) {
  require<ConfigError>(options.candidates >= 1,
                       "[seqpe] seqpe.contrastive.candidates must be at least 1, got {}.",
                       options.candidates);
  require<ConfigError>(max_position > options.candidates,
                       "[seqpe] seqpe.max_position must exceed seqpe.contrastive.candidates {}, "
                       "got {}.",
                       options.candidates, max_position);
  require<ConfigError>(
      options.mixture == Mixture::uniform || options.local_range >= options.candidates,
      "[seqpe] seqpe.contrastive.local_range must be at least seqpe.contrastive.candidates {}, got "
      "{}.",
      options.candidates, options.local_range);
  walk_.emplace(max_position, seed, "seqpe.contrastive.pivots");
}

ContrastiveSample ContrastiveSampler::sample(std::int64_t step) {
  PhiloxGenerator random = generator(seed_, "seqpe.contrastive", step);
  const std::int64_t count = options_.candidates;
  ContrastiveSample sample;
  for (std::int64_t p = 0; p < options_.pivots; ++p) {
    const std::int64_t pivot = walk_->at(step * options_.pivots + p);
    std::vector<std::int64_t> uniform = draw_distinct(count + 1, 0, max_position_, random);
    std::erase(uniform, pivot);
    const double draw = random.uniform();
    std::vector<std::int64_t> special;
    if (options_.mixture == Mixture::mixed && draw < shares_.hard) {
      const auto hard =
          static_cast<std::int64_t>(shares_.hard_candidates * static_cast<double>(count));
      // Measured against the uniform ones that stay however many hard ones do: so the label is
      // always one of them.
      const std::vector<std::int64_t> staying(uniform.begin(), uniform.begin() + count - hard);
      const std::int64_t nearest =
          std::abs(staying[static_cast<std::size_t>(nearest_to(pivot, staying))] - pivot);
      for (std::int64_t i = 0; i < hard; ++i) {
        const std::int64_t edited = with_edited_digits(pivot, base_, max_position_, random);
        if (std::abs(edited - pivot) > nearest) special.push_back(edited);
      }
    } else if (options_.mixture == Mixture::mixed && draw < shares_.hard + shares_.local) {
      const std::int64_t window = std::min(options_.local_range, max_position_);
      const std::int64_t low = random.uniform_int(max_position_ - window + 1);
      special = draw_distinct(count, low, low + window, random);
    }
    // Each special position displaces at most one uniform one, so the candidates + 1 uniform ones
    // always fill up what is missing, the pivot left out.
    std::vector<std::int64_t> chosen;
    std::unordered_set<std::int64_t> taken{pivot};
    for (const auto* positions : {&special, &uniform}) {
      for (const std::int64_t one : *positions) {
        if (static_cast<std::int64_t>(chosen.size()) < count && taken.insert(one).second) {
          chosen.push_back(one);
        }
      }
    }
    sample.pivots.push_back(pivot);
    sample.candidates.insert(sample.candidates.end(), chosen.begin(), chosen.end());
    sample.labels.push_back(nearest_to(pivot, chosen));
  }
  return sample;
}

TransferSampler::TransferSampler(const TransferOptions& options, std::int64_t max_position,
                                 std::int64_t length, std::uint64_t seed)
    : options_(options), length_(length), first_start_(length / 4), seed_(seed) {
  require<ConfigError>(max_position - length > length / 4,
                       "[seqpe] seqpe.max_position must exceed data.block_size {} plus a quarter "
                       "of it, so that blocks outside the trained one exist, got {}.",
                       length, max_position);
  require<ConfigError>(options.indices <= length,
                       "[seqpe] seqpe.transfer.indices must be at most data.block_size {}, got {}.",
                       length, options.indices);
  walk_.emplace(max_position - length - first_start_, seed, "seqpe.transfer.starts");
}

TransferSample TransferSampler::sample(std::int64_t step) {
  PhiloxGenerator random = generator(seed_, "seqpe.transfer", step);
  TransferSample sample;
  for (std::int64_t s = 0; s < options_.starts; ++s) {
    sample.starts.push_back(first_start_ + walk_->at(step * options_.starts + s));
    const std::vector<std::int64_t> indices = draw_distinct(options_.indices, 0, length_, random);
    sample.indices.insert(sample.indices.end(), indices.begin(), indices.end());
  }
  return sample;
}

std::vector<std::int64_t> positions_of(const TransferSample& sample) {
  const std::size_t count = sample.indices.size() / sample.starts.size();
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < sample.indices.size(); ++i)
    positions.push_back(sample.starts[i / count] + sample.indices[i]);
  return positions;
}

}  // namespace seqpe::models
