#include "tools/seqpe_engine/plan.h"

#include <fmt/format.h>

#include "engine/core/warning.h"
#include "kernels/common/memory_limit.h"
#include "kernels/device.h"
#include "models/seqpe/position_space.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {
namespace {

// Widths that a token of a block keeps for its backward, and those of the moment at the peak; both
// measured (-v tells the peak) at several depths, batches and encoders.
constexpr double kModelWidths = 18, kModelOnce = 14, kEncoderWidths = 14, kEncoderOnce = 2;

// A weight, its gradient, both moments of AdamW.
constexpr double kBytesOfParameter = 4 * sizeof(float);

/// True where tensors of the device lie in this machine's memory.
bool is_in_machine(Device device) {
  return device == Device::cpu || kernels::cuda_device() == kernels::CudaDevice::emulated;
}

/// Numbers of the position encoder's activations, all blocks of a shifted step and both losses. Its
/// last block computes one token a position.
double encoder_numbers(const models::Config& config) {
  if (!config.model.is_seqpe()) return 0;
  const auto& shift = config.seqpe.shift;
  const auto& contrastive = config.seqpe.contrastive;
  const auto& transfer = config.seqpe.transfer;
  const bool shifts = shift.rate > 0 && config.train.batch_size % shift.blocks == 0;
  // In doubles: the product of so many counts that are each allowed need not fit an integer.
  const auto product = [](std::int64_t a, std::int64_t b) {
    return static_cast<double>(a) * static_cast<double>(b);
  };
  double positions =
      product(shifts ? shift.blocks : 1, models::place_count(models::trained_extent(config)));
  if (contrastive.weight > 0) positions += product(contrastive.pivots, 1 + contrastive.candidates);
  if (transfer.weight > 0) positions += product(transfer.starts, transfer.indices);
  const auto& encoder = config.seqpe.encoder;
  return positions * product(config.seqpe.max_digits + 1, encoder.width) *
         (kEncoderWidths * static_cast<double>(encoder.layers - 1) + kEncoderOnce);
}

/// Bytes of tensors while training: weights, gradients and both moments (in mixed precision the
/// rounded weights too); activations; what the step takes beside them.
double expected_peak(const models::TaskModel& model, std::int64_t parameter_count,
                     const StepSize& step) {
  const models::Config& config = model.config();
  const double activations = static_cast<double>(step.tokens) *
                             static_cast<double>(config.model.width) *
                             (kModelWidths * static_cast<double>(config.model.layers) + kModelOnce);
  const auto compute = config.train.compute_dtype();
  const auto element = static_cast<double>(size_of(compute.value_or(DType::f32)));
  const double a_parameter = kBytesOfParameter + (compute ? element : 0.0);
  return a_parameter * static_cast<double>(parameter_count) + step.bytes +
         element * (activations + step.numbers + encoder_numbers(config));
}

/// 3456 as "3.5 K", 858000 as "0.86 M".
std::string shortened(std::int64_t count) {
  const auto value = static_cast<double>(count);
  return count < 100'000 ? fmt::format("{:.1f} K", value / 1e3)
                         : fmt::format("{:.2f} M", value / 1e6);
}

/// More than there is ends in a kill without a word. A warning alone: the size is an estimate.
void warn_of_memory(double peak) {
  const auto limit = static_cast<double>(memory_limit());
  if (peak <= limit) return;
  warn(
      fmt::format("[memory] the training takes about {} of tensors at peak, this process may use "
                  "{}. Hint: lower train.micro_batch_size, shorter sequences (data.block_size) or "
                  "smaller images (model.image), or a smaller model.",
                  size_text(peak), size_text(limit)));
}

}  // namespace

void check_weights_fit(const models::TaskModel& model, Device device) {
  std::int64_t count = 0;
  for (const auto& parameter : model.parameters()) count += parameter.value.numel();
  // A GPU's memory is its driver's to refuse; the weights begin here all the same.
  const double bytes =
      static_cast<double>(count) * (is_in_machine(device) ? kBytesOfParameter : sizeof(float));
  const auto limit = static_cast<double>(memory_limit());
  require<OutOfMemoryError>(
      bytes <= limit,
      "[train] out of memory: {} parameters take {} with what training keeps of each, this process "
      "may use {}. Hint: a smaller model (model.layers {}, model.width {}).",
      shortened(count), size_text(bytes), size_text(limit), model.config().model.layers,
      model.config().model.width);
}

void say_plan(const models::TaskModel& model, const StepSize& step, Device device,
              train::Log& log) {
  const models::Config& config = model.config();
  std::int64_t model_count = 0, encoder_count = 0;
  for (const auto& parameter : model.parameters()) {
    (parameter.group == "encoder" ? encoder_count : model_count) += parameter.value.numel();
  }
  const std::int64_t all = model_count + encoder_count;
  log.say(fmt::format("positions {}, {} parameters in the model, {} in the position encoder",
                      config.model.position, shortened(model_count), shortened(encoder_count)));
  log.say(fmt::format("{} steps of {}", config.train.steps, step.told));
  const double peak = expected_peak(model, all, step);
  log.say(fmt::format("about {} of tensors at peak, {} a checkpoint", size_text(peak),
                      size_text(static_cast<double>(3 * all) * sizeof(float))));
  if (is_in_machine(device)) warn_of_memory(peak);
}

}  // namespace seqpe::tools
