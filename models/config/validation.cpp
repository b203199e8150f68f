// Which values fit together.
#include <fmt/ranges.h>

#include <set>

#include "engine/train/share.h"
#include "kernels/attention.h"
#include "models/config/config.h"
#include "models/seqpe/digits.h"
#include "models/seqpe/seqpe_position.h"
#include "models/seqpe/training_samplers.h"

namespace seqpe::models {
namespace {

// More is a mistake; OpenMP takes an int.
constexpr std::int64_t kMostThreads = 4096;
// Sums and products of a few sizes must be numbers.
constexpr std::int64_t kLargestSize = std::int64_t{1} << 30;

void check_size(const char* key, std::int64_t value) {
  require<ConfigError>(value <= kLargestSize, "[config] {} must be at most {}, got {}.", key,
                       kLargestSize, value);
}

bool divides(std::int64_t small, std::int64_t large) {
  return large % small == 0;
}

/// Of a section that has a width and heads.
void check_cuda_heads(const char* section, std::int64_t width, std::int64_t heads) {
  constexpr std::int64_t kLargest = kernels::kLargestCudaHead;
  std::int64_t least = 1;
  while (width / least > kLargest || !divides(least, width)) ++least;
  require<ConfigError>(width / heads <= kLargest,
                       "[config] {}.heads: on the device cuda a head may have at most {} columns, "
                       "{} heads of {}.width "
                       "{} have {}. Hint: at least {} heads, or train.device=cpu.",
                       section, kLargest, heads, section, width, width / heads, least);
}

/// Of a position's integer along an axis.
std::int64_t digits_of(const SeqpeOptions& seqpe) {
  if (seqpe.max_digits > 0) return seqpe.max_digits;
  return digits_needed(seqpe.max_position, seqpe.dimensions, seqpe.base);
}

/// Every size must be whole patches, at positions that the model can tell.
void validate_sizes(const Config& config) {
  const ModelConfig& model = config.model;
  check_size("model.image", model.image);
  const auto check_side = [&](const char* key, std::int64_t side) {
    require<ConfigError>(side % model.patch == 0,
                         "[config] {} must be a multiple of model.patch {}, got {}.", key,
                         model.patch, side);
  };
  check_side("model.image", model.image);
  for (const data::EvaluationSize& size : evaluation_sizes(config)) {
    const auto [rows, columns] = data::covered_size(size);
    require<ConfigError>(rows <= data::kMaxImagePixels / columns,
                         "[config] eval.sizes {}: images are enlarged to {} x {}, which must have "
                         "at most {} pixels.",
                         text_of(size), rows, columns, data::kMaxImagePixels);
    for (const std::int64_t side : {size.rows, size.columns}) {
      check_side("eval.sizes", side);
      const std::int64_t patches = side / model.patch, digits = digits_of(config.seqpe),
                         needed = digits_needed(patches, 1, config.seqpe.base);
      require<ConfigError>(
          !model.is_seqpe() || model.interpolate != Interpolation::none || needed <= digits,
          "[config] eval.sizes {}: position {} needs {} digits in base {}, seqpe.max_digits is {}. "
          "Hint: train with more digits or evaluate at smaller sizes.",
          text_of(size), patches - 1, needed, config.seqpe.base, digits);
    }
  }
  const AugmentConfig& augment = config.data.augment;
  require<ConfigError>(augment.pad < model.image,
                       "[config] data.augment.pad must be less than model.image {}, got {}.",
                       model.image, augment.pad);
  require<ConfigError>(
      augment.color_jitter == 0 || augment.rand_augment.operations == 0,
      "[config] data.augment.color_jitter {} needs "
      "data.augment.randaugment.operations 0, which changes colours itself, got {}.",
      augment.color_jitter, augment.rand_augment.operations);
  const auto check_range = [](const char* key, const std::vector<double>& range, double most) {
    require<ConfigError>(range[0] > 0 && range[0] <= range[1] && range[1] <= most,
                         "[config] {} must be two numbers, 0 < least <= most <= {}, got [{}, {}].",
                         key, most, range[0], range[1]);
  };
  check_range("data.augment.crop_scale", augment.crop_scale, 1.0);
  check_range("data.augment.crop_ratio", augment.crop_ratio, 1e6);
}

/// The largest position of an evaluation must be one that the model can tell.
void validate_lengths(const Config& config) {
  const auto& eval = config.eval;
  const SeqpeOptions& seqpe = config.seqpe;
  check_size("data.block_size", config.data.block_size);
  const std::int64_t digits = digits_of(seqpe);
  check_size("eval.start", eval.start);
  for (const std::int64_t length : evaluation_lengths(config)) {
    check_size("eval.lengths", length);
    require<ConfigError>(length >= 1, "[config] eval.lengths must be >= 1, got {}.", length);
    require<ConfigError>(eval.stride <= length,
                         "[config] eval.stride must be at most the length {}, got {}.", length,
                         eval.stride);
    const std::int64_t needed = digits_needed(eval.start + length, 1, seqpe.base);
    require<ConfigError>(
        !config.model.is_seqpe() || needed <= digits,
        "[config] position {} (eval.start plus a length of eval.lengths) needs {} digits in base "
        "{}, seqpe.max_digits is {}. Hint: train with more digits or evaluate at shorter lengths.",
        eval.start + length - 1, needed, seqpe.base, digits);
    require<ConfigError>(
        !position_kind(config.model.position).can.has_end || eval.start == 0 ||
            eval.start + length <= config.data.block_size,
        "[config] eval.start must be 0 for {} positions beyond their table of {}, got {}.",
        config.model.position, config.data.block_size, eval.start);
  }
}

void validate_seqpe(const SeqpeOptions& seqpe) {
  check_size("seqpe.encoder.width", seqpe.encoder.width);
  check_size("seqpe.max_digits", seqpe.max_digits);
  require<ConfigError>(divides(seqpe.encoder.heads, seqpe.encoder.width),
                       "[config] seqpe.encoder.heads must divide seqpe.encoder.width {}, got {}.",
                       seqpe.encoder.width, seqpe.encoder.heads);
  const std::int64_t needed = digits_needed(seqpe.max_position, seqpe.dimensions, seqpe.base);
  require<ConfigError>(
      seqpe.max_digits == 0 || seqpe.max_digits >= needed,
      "[config] seqpe.max_digits must be at least {} for seqpe.max_position {} in base {}, got {}.",
      needed, seqpe.max_position, seqpe.base, seqpe.max_digits);
}

}  // namespace

void validate_model(const Config& config) {
  const ModelConfig& model = config.model;
  const SeqpeOptions& seqpe = config.seqpe;
  require<ConfigError>(divides(model.heads, model.width),
                       "[config] model.heads must divide model.width {}, got {}.", model.width,
                       model.heads);
  require<ConfigError>(config.train.threads <= kMostThreads,
                       "[config] train.threads must be at most {}, got {}.", kMostThreads,
                       config.train.threads);
  check_size("model.width", model.width);
  check_size("seqpe.max_position", seqpe.max_position);
  const PositionAbilities& can = position_kind(model.position).can;
  const bool is_text = config.task == TaskKind::lm;
  require<ConfigError>(is_text ? can.text : can.images,
                       "[config] model.position {} is no encoding of {}.", model.position,
                       is_text ? "text" : "images");
  is_text ? validate_lengths(config) : validate_sizes(config);
  if (model.is_seqpe()) validate_seqpe(seqpe);
  if (config.train.device == train::DeviceChoice::cuda) validate_device(config, Device::cuda);
}

void validate_device(const Config& config, Device device) {
  if (device == Device::cpu) return;
  check_cuda_heads("model", config.model.width, config.model.heads);
  const EncoderOptions& encoder = config.seqpe.encoder;
  if (config.model.is_seqpe()) check_cuda_heads("seqpe.encoder", encoder.width, encoder.heads);
}

void validate_training(const Config& config) {
  const auto& [task, model, seqpe, train, kernels, data, eval, checkpoint, log, dist, compare] =
      config;
  check_size("train.batch_size", train.batch_size);
  require<ConfigError>(divides(train.micro_batch(), train.batch_size),
                       "[config] train.micro_batch_size must divide train.batch_size {}, got {}.",
                       train.batch_size, train.micro_batch());
  if (dist.deterministic) train::share_of_rank(train, dist, 0, 1);
  require<ConfigError>(train.warmup_steps <= train.steps,
                       "[config] train.warmup_steps must be at most train.steps {}, got {}.",
                       train.steps, train.warmup_steps);
  for (const double beta : train.betas) {
    require<ConfigError>(beta >= 0 && beta < 1,
                         "[config] train.betas must lie in [0, 1), got [{}, {}].", train.betas[0],
                         train.betas[1]);
  }
  require<ConfigError>(train.eps > 0, "[config] train.eps must be > 0, got {}.", train.eps);
  if (model.is_seqpe()) {
    check_size("seqpe.shift.pool", seqpe.shift.pool);
    check_size("seqpe.shift.blocks", seqpe.shift.blocks);
    check_size("seqpe.contrastive.pivots", seqpe.contrastive.pivots);
    check_size("seqpe.contrastive.candidates", seqpe.contrastive.candidates);
    check_size("seqpe.transfer.starts", seqpe.transfer.starts);
    check_size("seqpe.transfer.indices", seqpe.transfer.indices);
    // They check their options.
    TrainingSamplers(seqpe, seqpe_out_dim(seqpe, model.width, model.heads), trained_extent(config),
                     train.batch_size, static_cast<std::uint64_t>(train.seed));
  }
  std::set<std::string> positions{model.position};
  for (const Config& rival : rivals_of(config)) {
    require<ConfigError>(positions.insert(rival.model.position).second,
                         "[config] compare must name each rival once and not model.position {}, "
                         "got [{}].",
                         model.position, fmt::join(compare, ", "));
    validate_model(rival);
    validate_training(rival);
  }
}

}  // namespace seqpe::models
