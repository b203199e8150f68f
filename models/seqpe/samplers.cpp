#include "models/seqpe/samplers.h"

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_set>

#include "engine/core/random.h"
#include "engine/core/stream_id.h"
#include "kernels/common/error.h"
#include "models/seqpe/digits.h"

namespace seqpe::models {
namespace {

PhiloxGenerator generator(std::uint64_t seed, const char* stream, std::int64_t step) {
  return PhiloxGenerator(
      {.seed = seed, .stream = stream_id(stream), .step = static_cast<std::uint32_t>(step)});
}

/// For messages: "blocks of 512" or "grids of 14 x 14".
std::string windows_named(const Extent& window) {
  return window.size() == 1 ? fmt::format("blocks of {}", window[0])
                            : fmt::format("grids of {} x {}", window[0], window[1]);
}

/// For messages, the least seqpe.max_position whose space has this side.
std::string least_space(std::int64_t side) {
  return fmt::format("{} ({} x {} cells)", side * side, side, side);
}

/// The least seqpe.max_position in which the window fits.
std::string around(const Extent& window) {
  return window.size() == 1 ? fmt::format("data.block_size {}", window[0])
                            : least_space(std::max(window[0], window[1]));
}

void check_axes(const PositionSpace& space, const Extent& window) {
  require(static_cast<std::int64_t>(window.size()) == space.dimensions(),
          "[seqpe] a window must have one size for each of {} dimensions, got {}.",
          space.dimensions(), window.size());
}

/// `count` distinct uniform integers of [0, end).
std::vector<std::int64_t> draw_distinct(std::int64_t count, std::int64_t end,
                                        PhiloxGenerator& random) {
  std::vector<std::int64_t> drawn;
  std::unordered_set<std::int64_t> taken;
  while (static_cast<std::int64_t>(drawn.size()) < count) {
    const std::int64_t one = random.uniform_int(end);
    if (taken.insert(one).second) drawn.push_back(one);
  }
  return drawn;
}

/// Numbers of `count` distinct uniform positions of a window.
std::vector<std::int64_t> draw_positions(std::int64_t count, const PositionSpace& space,
                                         std::int64_t start, const Extent& window,
                                         PhiloxGenerator& random) {
  std::vector<std::int64_t> drawn = draw_distinct(count, place_count(window), random);
  for (std::int64_t& one : drawn) one = space.number_in(start, window, one);
  return drawn;
}

/// The side of the window of local candidates.
std::int64_t local_side(const ContrastiveOptions& options, const PositionSpace& space) {
  constexpr std::int64_t kLeast = 14, kPlacesPerCandidate = 5;
  const std::int64_t side =
      space.dimensions() == 1
          ? options.local_range
          : std::max(kLeast, axis_extent(kPlacesPerCandidate * options.candidates, 2));
  return std::min(side, space.side());
}

}  // namespace

ShiftSampler::ShiftSampler(const ShiftOptions& options, const PositionSpace& space,
                           const Extent& window, std::int64_t batch, std::uint64_t seed)
    : space_(space),
      rate_(options.rate),
      blocks_(options.blocks > 0 && batch % options.blocks == 0 ? options.blocks : 1),
      seed_(seed) {
  check_axes(space, window);
  const bool fits = std::all_of(window.begin(), window.end(),
                                [&](std::int64_t size) { return size <= space.side(); });
  require<ConfigError>(
      fits, "[seqpe] seqpe.max_position must be at least {}{}, got {}.", around(window),
      window.size() == 1 ? "" : " for " + windows_named(window) + " patches", space.name());
  if (rate_ <= 0) return;
  require<ConfigError>(options.pool >= blocks_,
                       "[seqpe] seqpe.shift.pool must be at least seqpe.shift.blocks {}, got {}.",
                       blocks_, options.pool);
  const Extent starts = space.starts_of(window);
  require<ConfigError>(options.pool <= place_count(starts),
                       "[seqpe] seqpe.shift.pool must be at most {} (the starts of {} "
                       "below seqpe.max_position {}), got {}.",
                       place_count(starts), windows_named(window), space.name(), options.pool);
  PhiloxGenerator random = generator(seed, "seqpe.shift.pool", 0);
  pool_ = draw_positions(options.pool, space, 0, starts, random);
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
  if (!shifted(step)) return space_.coordinates({0});
  const auto pool = static_cast<std::int64_t>(pool_.size());
  // Runs never cross an epoch's end, where the next order could repeat a start.
  const std::int64_t runs = pool / blocks_, run = shifted_before(step);
  const std::int64_t first = run / runs * pool + run % runs * blocks_;
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i < blocks_; ++i) {
    starts.push_back(pool_[static_cast<std::size_t>(walk_->at(first + i))]);
  }
  return space_.coordinates(starts);
}

ContrastiveSampler::ContrastiveSampler(const ContrastiveOptions& options,
                                       const PositionSpace& space, std::uint64_t seed,
                                       std::int64_t base, const MixtureShares& shares)
    : options_(options),
      space_(space),
      edits_(space, base),
      local_side_(local_side(options, space)),
      shares_(shares),
      seed_(seed) {
  require<ConfigError>(options.candidates >= 1,
                       "[seqpe] seqpe.contrastive.candidates must be at least 1, got {}.",
                       options.candidates);
  require<ConfigError>(space.count() > options.candidates,
                       "[seqpe] seqpe.max_position must exceed seqpe.contrastive.candidates {}, "
                       "got {}.",
                       options.candidates, space.name());
  require<ConfigError>(
      options.mixture == Mixture::uniform || space.dimensions() > 1 ||
          options.local_range >= options.candidates,
      "[seqpe] seqpe.contrastive.local_range must be at least seqpe.contrastive.candidates {}, got "
      "{}.",
      options.candidates, options.local_range);
  walk_.emplace(space.count(), seed, "seqpe.contrastive.pivots");
}

/// The index of the position nearest to the pivot, the first of equals.
std::int64_t ContrastiveSampler::nearest_to(std::int64_t pivot,
                                            const std::vector<std::int64_t>& numbers) const {
  return std::min_element(numbers.begin(), numbers.end(),
                          [&](std::int64_t a, std::int64_t b) {
                            return space_.squared_distance(a, pivot) <
                                   space_.squared_distance(b, pivot);
                          }) -
         numbers.begin();
}

std::vector<std::int64_t> ContrastiveSampler::hard_candidates(
    std::int64_t pivot, const std::vector<std::int64_t>& uniform, PhiloxGenerator& random) const {
  const std::int64_t count = options_.candidates;
  const auto hard = static_cast<std::int64_t>(shares_.hard_candidates * static_cast<double>(count));
  // Measured against the uniform ones that stay however many hard ones do: so the label is always
  // one of them.
  const std::vector<std::int64_t> staying(uniform.begin(), uniform.begin() + count - hard);
  const std::int64_t nearest =
      space_.squared_distance(staying[static_cast<std::size_t>(nearest_to(pivot, staying))], pivot);
  std::vector<std::int64_t> candidates;
  for (std::int64_t i = 0; i < hard; ++i) {
    const std::int64_t edited = edits_.edited(pivot, random);
    if (space_.squared_distance(edited, pivot) > nearest) candidates.push_back(edited);
  }
  return candidates;
}

ContrastiveSample ContrastiveSampler::sample(std::int64_t step) {
  PhiloxGenerator random = generator(seed_, "seqpe.contrastive", step);
  const std::int64_t count = options_.candidates;
  std::vector<std::int64_t> pivots, candidates, labels;
  for (std::int64_t p = 0; p < options_.pivots; ++p) {
    const std::int64_t pivot = walk_->at(step * options_.pivots + p);
    std::vector<std::int64_t> uniform = draw_distinct(count + 1, space_.count(), random);
    std::erase(uniform, pivot);
    const double draw = random.uniform();
    std::vector<std::int64_t> special;
    if (options_.mixture == Mixture::mixed && draw < shares_.hard) {
      special = hard_candidates(pivot, uniform, random);
    } else if (options_.mixture == Mixture::mixed && draw < shares_.hard + shares_.local) {
      const Extent window = space_.window(local_side_), starts = space_.starts_of(window);
      const std::int64_t start =
          space_.number_in(0, starts, random.uniform_int(place_count(starts)));
      special = draw_positions(count, space_, start, window, random);
    }
    // Each special position displaces at most one uniform one, so the candidates + 1 uniform ones
    // always fill up what is missing, the pivot left out.
    std::vector<std::int64_t> chosen;
    std::unordered_set<std::int64_t> taken{pivot};
    for (const auto* numbers : {&special, &uniform}) {
      for (const std::int64_t one : *numbers) {
        if (static_cast<std::int64_t>(chosen.size()) < count && taken.insert(one).second) {
          chosen.push_back(one);
        }
      }
    }
    pivots.push_back(pivot);
    candidates.insert(candidates.end(), chosen.begin(), chosen.end());
    labels.push_back(nearest_to(pivot, chosen));
  }
  return {space_.coordinates(pivots), space_.coordinates(candidates), labels};
}

TransferSampler::TransferSampler(const TransferOptions& options, const PositionSpace& space,
                                 const Extent& window, std::uint64_t seed)
    : options_(options), space_(space), window_(window), seed_(seed) {
  check_axes(space, window);
  const bool text = window.size() == 1;
  Extent possible, trained;  // a start below `trained` along every axis is none
  for (const std::int64_t size : window) {
    possible.push_back(std::max<std::int64_t>(0, space.side() - size));
    trained.push_back(text ? size / 4 : size);
  }
  for (std::int64_t i = 0; i < place_count(possible); ++i) {
    const std::vector<std::int64_t> start = place_in(possible, i);
    if (!std::equal(start.begin(), start.end(), trained.begin(), std::less<>()))
      starts_.push_back(space.number_in(0, possible, i));
  }
  require<ConfigError>(!starts_.empty() || !text,
                       "[seqpe] seqpe.max_position must exceed data.block_size {} plus a quarter "
                       "of it, so that blocks outside the trained one exist, got {}.",
                       window[0], space.name());
  require<ConfigError>(
      !starts_.empty(),
      "[seqpe] seqpe.max_position must be at least {}, so that {} patches outside the trained one "
      "exist, got {}.",
      least_space(std::max(std::max(window.front(), window.back()) + 1,
                           2 * std::min(window.front(), window.back()) + 1)),
      windows_named(window), space.name());
  require<ConfigError>(options.indices <= place_count(window),
                       "[seqpe] seqpe.transfer.indices must be at most {}, got {}.",
                       text ? around(window)
                            : fmt::format("{}, a grid's {} x {} patches", place_count(window),
                                          window.front(), window.back()),
                       options.indices);
  walk_.emplace(static_cast<std::int64_t>(starts_.size()), seed, "seqpe.transfer.starts");
}

TransferSample TransferSampler::sample(std::int64_t step) {
  PhiloxGenerator random = generator(seed_, "seqpe.transfer", step);
  std::vector<std::int64_t> starts, indices;
  for (std::int64_t s = 0; s < options_.starts; ++s) {
    starts.push_back(starts_[static_cast<std::size_t>(walk_->at(step * options_.starts + s))]);
    const std::vector<std::int64_t> drawn =
        draw_distinct(options_.indices, place_count(window_), random);
    indices.insert(indices.end(), drawn.begin(), drawn.end());
  }
  return {space_.coordinates(starts), indices};
}

std::vector<std::int64_t> positions_of(const TransferSample& sample, const Extent& window) {
  const std::size_t dimensions = window.size();
  const std::size_t count = sample.indices.size() * dimensions / sample.starts.size();
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < sample.indices.size(); ++i) {
    const std::vector<std::int64_t> place = place_in(window, sample.indices[i]);
    for (std::size_t axis = 0; axis < dimensions; ++axis)
      positions.push_back(sample.starts[i / count * dimensions + axis] + place[axis]);
  }
  return positions;
}

}  // namespace seqpe::models
