#include <fmt/format.h>

#include "kernels/device.h"
#include "kernels/dropout.h"
#include "kernels/image_batch.h"
#include "kernels/patches.h"
#include "kernels/residual_layer_norm.h"
#include "kernels/sine_cosine.h"
#include "kernels/soft_cross_entropy.h"
#include "tools/kernel_costs/case.h"

namespace seqpe::costs {
namespace {

// ViT-S/16 on ImageNet, a GPU's batch of the published recipe.
constexpr std::int64_t kBatch = 256, kSide = 224, kPatch = 16, kClasses = 1000;
constexpr std::int64_t kTokens = 1 + kSide / kPatch * kSide / kPatch, kWidth = 384,
                       kRows = kBatch * kTokens;
constexpr double kDropPath = 0.1;

constexpr std::int64_t kPixels = kBatch * kSide * kSide;

template <typename T>
T* records(Arrays& arrays, std::int64_t count) {
  return reinterpret_cast<T*>(
      arrays.input<std::uint8_t>(count * static_cast<std::int64_t>(sizeof(T))));
}

/// Bytes of zeros: no flip, nothing erased, both shares of the mix 0. A partner is read in any
/// case.
void image_batch(Arrays& arrays) {
  kernels::image_batch(kernels::device_context(),
                       {.out = arrays.output<float>(kImageChannels * kPixels),
                        .images = arrays.input<std::uint8_t>(kImageChannels * kPixels),
                        .placements = records<kernels::ImagePlacement>(arrays, kBatch),
                        .mix = records<kernels::ImageMix>(arrays, 1),
                        .batch = kBatch,
                        .height = kSide,
                        .width = kSide,
                        .mean = {},
                        .standard_deviation = {1, 1, 1}});
}

void patches(Arrays& arrays) {
  kernels::patches(kernels::device_context(),
                   {.dtype = DType::bf16,
                    .out = arrays.output<bf16>(kImageChannels * kPixels),
                    .images = arrays.input<float>(kImageChannels * kPixels),
                    .batch = kBatch,
                    .channels = kImageChannels,
                    .rows = kSide / kPatch,
                    .columns = kSide / kPatch,
                    .patch = kPatch});
}

void soft_cross_entropy(Arrays& arrays) {
  constexpr std::int64_t kCount = kBatch * kClasses;
  kernels::soft_cross_entropy(kernels::device_context(),
                              {.dtype = DType::bf16,
                               .losses = arrays.output<float>(kBatch),
                               .logits = arrays.input<bf16>(kCount),
                               .targets = arrays.input<float>(kCount),
                               .rows = kBatch,
                               .cols = kClasses,
                               .grad_logits = arrays.output<bf16>(kCount)});
}

/// Of the mixed rotary encoding: an angle of every patch for every pair of a head's columns.
constexpr std::int64_t kAngleRows = kTokens - 1, kAngles = kWidth / 2;

void sine_cosine_forward(Arrays& arrays) {
  kernels::sine_cosine_forward(kernels::device_context(),
                               {.dtype = DType::bf16,
                                .out = arrays.output<bf16>(kAngleRows * 2 * kAngles),
                                .angles = arrays.input<bf16>(kAngleRows * kAngles),
                                .rows = kAngleRows,
                                .cols = kAngles});
}

void sine_cosine_backward(Arrays& arrays) {
  kernels::sine_cosine_backward(kernels::device_context(),
                                {.dtype = DType::bf16,
                                 .grad_angles = arrays.output<bf16>(kAngleRows * kAngles),
                                 .grad_out = arrays.input<bf16>(kAngleRows * 2 * kAngles),
                                 .out = arrays.input<bf16>(kAngleRows * 2 * kAngles),
                                 .rows = kAngleRows,
                                 .cols = kAngles});
}

/// Drop path: a sequence's branch as a whole.
kernels::DropoutDraw drop_path(Arrays& arrays) {
  return {.probability = kDropPath,
          .step = arrays.input<std::int32_t>(1),
          .run = kTokens * kWidth,
          .run_stride = 1,
          .whole_runs = true};
}

void dropped_branch(Arrays& arrays) {
  kernels::dropout(kernels::device_context(), {.dtype = DType::bf16,
                                               .out = arrays.output<bf16>(kRows * kWidth),
                                               .x = arrays.input<bf16>(kRows * kWidth),
                                               .residual = arrays.input<bf16>(kRows * kWidth),
                                               .count = kRows * kWidth,
                                               .draw = drop_path(arrays)});
}

void residual_layer_norm_forward(Arrays& arrays) {
  kernels::residual_layer_norm_forward(kernels::device_context(),
                                       {.dtype = DType::bf16,
                                        .sum = arrays.output<bf16>(kRows * kWidth),
                                        .out = arrays.output<bf16>(kRows * kWidth),
                                        .mean = arrays.output<float>(kRows),
                                        .rstd = arrays.output<float>(kRows),
                                        .residual = arrays.input<bf16>(kRows * kWidth),
                                        .branch = arrays.input<bf16>(kRows * kWidth),
                                        .weight = arrays.input<bf16>(kWidth),
                                        .bias = arrays.input<bf16>(kWidth),
                                        .rows = kRows,
                                        .cols = kWidth,
                                        .dropout = drop_path(arrays)});
}

}  // namespace

std::vector<Case> image_cases() {
  const std::string images = fmt::format("{} x 3 x {} x {} f32", kBatch, kSide, kSide);
  const std::string angles = fmt::format("{} x {} bf16", kAngleRows, kAngles);
  const std::string sequences =
      fmt::format("{} x {} x {} bf16, drop path", kBatch, kTokens, kWidth);
  return {
      {"image_batch", images + " of u8", 0, image_batch},
      {"patches", images + " to bf16", 0, patches},
      {"soft_cross_entropy", fmt::format("{} x {} bf16", kBatch, kClasses), 0, soft_cross_entropy},
      {"sine_cosine_forward", angles, 0, sine_cosine_forward},
      {"sine_cosine_backward", angles, 0, sine_cosine_backward},
      {"dropout", sequences, 0, dropped_branch},
      {"residual_layer_norm_forward", sequences, 0, residual_layer_norm_forward}};
}

}  // namespace seqpe::costs
