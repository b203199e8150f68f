#include "models/seqpe/samplers.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>
#include <unordered_set>

#include "engine/core/random.h"
#include "engine/core/stream_id.h"
#include "kernels/common/error.h"

namespace seqpe::models {
namespace {

constexpr double kHardShare = 0.4;           // of the mixture; the rest is local
constexpr double kHardCandidateShare = 0.25;  // of the candidates

PhiloxGenerator generator(std::uint64_t seed, const char* stream, std::int64_t step) {
  return PhiloxGenerator({.seed = seed, .stream = stream_id(stream), .step = static_cast<std::uint32_t>(step)});
}

/// 1 to 3 random edits of the decimal string: a digit inserted, deleted, swapped with its neighbour or replaced.
/// -1 if the result is no position: it begins with a zero or is not below max_position.
std::int64_t edit_digits(std::int64_t position, std::int64_t max_position, PhiloxGenerator& random) {
  std::string digits = std::to_string(position);
  const auto place = [&](std::size_t count) {
    return static_cast<std::size_t>(random.uniform_int(static_cast<std::int64_t>(count)));
  };
  const auto digit = [&] { return static_cast<char>('0' + random.uniform_int(10)); };
  const std::int64_t edits = 1 + random.uniform_int(3);
  for (std::int64_t i = 0; i < edits; ++i) {
    switch (random.uniform_int(4)) {
      case 0: digits.insert(digits.begin() + static_cast<std::ptrdiff_t>(place(digits.size() + 1)), digit()); break;
      case 1:
        if (digits.size() > 1) digits.erase(place(digits.size()), 1);
        break;
      case 2:
        if (digits.size() > 1) {
          const std::size_t at = place(digits.size() - 1);
          std::swap(digits[at], digits[at + 1]);
        }
        break;
      default: digits[place(digits.size())] = digit();
    }
  }
  if (digits.size() > 1 && digits[0] == '0') return -1;
  const std::int64_t edited = std::stoll(digits);
  return edited < max_position ? edited : -1;
}

/// Appends `count` distinct uniform positions of [low, high) that are not in `taken`.
void draw_distinct(std::vector<std::int64_t>& out, std::unordered_set<std::int64_t>& taken, std::int64_t count,
                   std::int64_t low, std::int64_t high, PhiloxGenerator& random) {
  while (count > 0) {
    const std::int64_t drawn = low + random.uniform_int(high - low);
    if (!taken.insert(drawn).second) continue;
    out.push_back(drawn);
    --count;
  }
}

}  // namespace

ShuffledWalk::ShuffledWalk(std::int64_t count, std::uint64_t seed, std::uint32_t stream)
    : seed_(seed), stream_(stream), order_(static_cast<std::size_t>(count)) {}

std::int64_t ShuffledWalk::at(std::int64_t n) {
  const auto count = static_cast<std::int64_t>(order_.size());
  const std::int64_t epoch = n / count;
  if (epoch != epoch_) {
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    PhiloxGenerator({.seed = seed_, .stream = stream_, .step = static_cast<std::uint32_t>(epoch)})
        .shuffle(std::span<std::int64_t>(order_));
    epoch_ = epoch;
  }
  return order_[static_cast<std::size_t>(n % count)];
}

ShiftSampler::ShiftSampler(const ShiftOptions& options, std::int64_t max_position, std::int64_t length,
                           std::int64_t batch, std::uint64_t seed)
    : rate_(options.rate),
      blocks_(batch % options.blocks == 0 ? options.blocks : 1),
      seed_(seed),
      walk_(options.pool, seed, stream_id("seqpe.shift.walk")) {
  require<ConfigError>(max_position >= length, "[seqpe] seqpe.max_position must be at least data.block_size {}, got {}.",
                       length, max_position);
  PhiloxGenerator random = generator(seed, "seqpe.shift.pool", 0);
  for (std::int64_t i = 0; i < options.pool; ++i) pool_.push_back(random.uniform_int(max_position - length + 1));
}

std::vector<std::int64_t> ShiftSampler::starts(std::int64_t step) {
  if (generator(seed_, "seqpe.shift.rate", step).uniform() >= rate_) return {0};
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i < blocks_; ++i) {
    starts.push_back(pool_[static_cast<std::size_t>(walk_.at(step * blocks_ + i))]);
  }
  return starts;
}

ContrastiveSampler::ContrastiveSampler(const ContrastiveOptions& options, std::int64_t max_position,
                                       std::uint64_t seed)
    : options_(options),
      max_position_(max_position),
      seed_(seed),
      walk_(max_position, seed, stream_id("seqpe.contrastive.pivots")) {
  require<ConfigError>(max_position > 2 * options.candidates + 1,
                       "[seqpe] seqpe.max_position must exceed twice seqpe.contrastive.candidates {}, got {}.",
                       options.candidates, max_position);
  require<ConfigError>(options.local_range > options.candidates || options.mixture == Mixture::uniform,
                       "[seqpe] seqpe.contrastive.local_range must exceed seqpe.contrastive.candidates {}, got {}.",
                       options.candidates, options.local_range);
}

ContrastiveSample ContrastiveSampler::sample(std::int64_t step) {
  PhiloxGenerator random = generator(seed_, "seqpe.contrastive", step);
  const std::int64_t count = options_.candidates;
  ContrastiveSample sample;
  for (std::int64_t p = 0; p < options_.pivots; ++p) {
    const std::int64_t pivot = walk_.at(step * options_.pivots + p);
    std::unordered_set<std::int64_t> taken{pivot};
    std::vector<std::int64_t> uniform;
    draw_distinct(uniform, taken, count + 1, 0, max_position_, random);
    std::vector<std::int64_t> chosen;
    if (options_.mixture == Mixture::mixed) {
      if (random.uniform() < kHardShare) {
        std::int64_t nearest = max_position_;
        for (const std::int64_t c : uniform) nearest = std::min(nearest, std::abs(c - pivot));
        const auto hard = static_cast<std::int64_t>(kHardCandidateShare * static_cast<double>(count));
        for (std::int64_t i = 0; i < hard; ++i) {
          const std::int64_t edited = edit_digits(pivot, max_position_, random);
          // One that lies nearer than the nearest uniform candidate would change the label: dropped, not redrawn.
          if (edited < 0 || std::abs(edited - pivot) <= nearest || !taken.insert(edited).second) continue;
          chosen.push_back(edited);
        }
      } else {
        const std::int64_t window = std::min(options_.local_range, max_position_);
        const std::int64_t low = random.uniform_int(max_position_ - window + 1);
        std::unordered_set<std::int64_t> local{pivot};
        draw_distinct(chosen, local, count, low, low + window, random);
      }
    }
    for (std::size_t i = 0; static_cast<std::int64_t>(chosen.size()) < count; ++i) chosen.push_back(uniform[i]);
    std::int64_t label = 0;
    for (std::int64_t c = 1; c < count; ++c) {
      const auto distance = [&](std::int64_t i) { return std::abs(chosen[static_cast<std::size_t>(i)] - pivot); };
      if (distance(c) < distance(label)) label = c;
    }
    sample.pivots.push_back(pivot);
    sample.candidates.insert(sample.candidates.end(), chosen.begin(), chosen.end());
    sample.labels.push_back(label);
  }
  return sample;
}

TransferSampler::TransferSampler(const TransferOptions& options, std::int64_t max_position, std::int64_t length,
                                 std::uint64_t seed)
    : options_(options),
      length_(length),
      first_start_(length / 4),
      seed_(seed),
      walk_(std::max<std::int64_t>(1, max_position - length - length / 4), seed, stream_id("seqpe.transfer.starts")) {
  require<ConfigError>(max_position - length > length / 4,
                       "[seqpe] seqpe.max_position must leave room for starts outside the block of {}, got {}.", length,
                       max_position);
  require<ConfigError>(options.indices <= length,
                       "[seqpe] seqpe.transfer.indices must be at most data.block_size {}, got {}.", length,
                       options.indices);
}

TransferSample TransferSampler::sample(std::int64_t step) {
  PhiloxGenerator random = generator(seed_, "seqpe.transfer", step);
  TransferSample sample;
  for (std::int64_t s = 0; s < options_.starts; ++s) {
    sample.starts.push_back(first_start_ + walk_.at(step * options_.starts + s));
    std::unordered_set<std::int64_t> taken;
    draw_distinct(sample.indices, taken, options_.indices, 0, length_, random);
  }
  return sample;
}

}  // namespace seqpe::models
