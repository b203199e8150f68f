#include <fmt/format.h>

#include "kernels/adamw.h"
#include "kernels/copy.h"
#include "kernels/device.h"
#include "kernels/divergence.h"
#include "kernels/dropout.h"
#include "kernels/elementwise.h"
#include "kernels/gelu.h"
#include "kernels/layer_norm.h"
#include "kernels/reduce.h"
#include "kernels/residual_layer_norm.h"
#include "kernels/softmax.h"
#include "tools/kernel_costs/case.h"

namespace seqpe::costs {
namespace {

// A GPU's batch of the published recipe, 32 sequences of 512; GPT-2 small.
constexpr std::int64_t kTokens = 16384, kChannels = 768;
// What the encoder reads in most steps: 1552 positions of 5 digits and a CLS token.
constexpr std::int64_t kPositions = 1552, kPositionTokens = 6;
constexpr std::int64_t kParameters = 124'439'808;
constexpr double kDropout = 0.1;

/// As in training, where a recorded step reads its number.
kernels::DropoutDraw draw_of(Arrays& arrays) {
  return {.probability = kDropout, .step = arrays.input<std::int32_t>(1)};
}

std::string shape_of(std::int64_t rows, std::int64_t cols, const char* dtype = "bf16") {
  return fmt::format("{} x {} {}", rows, cols, dtype);
}

void add_layer_norms(std::vector<Case>& cases, std::int64_t rows, std::int64_t cols) {
  cases.push_back({"layer_norm_forward", shape_of(rows, cols), 0, [=](Arrays& arrays) {
                     kernels::layer_norm_forward(kernels::device_context(),
                                                 {.dtype = DType::bf16,
                                                  .out = arrays.output<bf16>(rows * cols),
                                                  .mean = arrays.output<float>(rows),
                                                  .rstd = arrays.output<float>(rows),
                                                  .x = arrays.input<bf16>(rows * cols),
                                                  .weight = arrays.input<bf16>(cols),
                                                  .bias = arrays.input<bf16>(cols),
                                                  .rows = rows,
                                                  .cols = cols});
                   }});
  cases.push_back({"layer_norm_backward", shape_of(rows, cols), 0, [=](Arrays& arrays) {
                     kernels::layer_norm_backward(kernels::device_context(),
                                                  {.dtype = DType::bf16,
                                                   .grad_x = arrays.output<bf16>(rows * cols),
                                                   .grad_weight = arrays.output<bf16>(cols),
                                                   .grad_bias = arrays.output<bf16>(cols),
                                                   .grad_out = arrays.input<bf16>(rows * cols),
                                                   .x = arrays.input<bf16>(rows * cols),
                                                   .weight = arrays.input<bf16>(cols),
                                                   .mean = arrays.input<float>(rows),
                                                   .rstd = arrays.input<float>(rows),
                                                   .rows = rows,
                                                   .cols = cols});
                   }});
}

void residual_layer_norm_forward(Arrays& arrays) {
  constexpr std::int64_t kCount = kTokens * kChannels;
  kernels::residual_layer_norm_forward(kernels::device_context(),
                                       {.dtype = DType::bf16,
                                        .sum = arrays.output<bf16>(kCount),
                                        .out = arrays.output<bf16>(kCount),
                                        .mean = arrays.output<float>(kTokens),
                                        .rstd = arrays.output<float>(kTokens),
                                        .residual = arrays.input<bf16>(kCount),
                                        .branch = arrays.input<bf16>(kCount),
                                        .weight = arrays.input<bf16>(kChannels),
                                        .bias = arrays.input<bf16>(kChannels),
                                        .rows = kTokens,
                                        .cols = kChannels,
                                        .dropout = draw_of(arrays)});
}

void residual_layer_norm_backward(Arrays& arrays) {
  constexpr std::int64_t kCount = kTokens * kChannels;
  kernels::residual_layer_norm_backward(kernels::device_context(),
                                        {.dtype = DType::bf16,
                                         .grad_residual = arrays.output<bf16>(kCount),
                                         .grad_branch = arrays.output<bf16>(kCount),
                                         .grad_weight = arrays.output<bf16>(kChannels),
                                         .grad_bias = arrays.output<bf16>(kChannels),
                                         .grad_sum = arrays.input<bf16>(kCount),
                                         .grad_out = arrays.input<bf16>(kCount),
                                         .sum = arrays.input<bf16>(kCount),
                                         .weight = arrays.input<bf16>(kChannels),
                                         .mean = arrays.input<float>(kTokens),
                                         .rstd = arrays.input<float>(kTokens),
                                         .rows = kTokens,
                                         .cols = kChannels,
                                         .dropout = draw_of(arrays)});
}

void add_elementwise(std::vector<Case>& cases) {
  constexpr std::int64_t kHidden = kTokens * 4 * kChannels, kCount = kTokens * kChannels;
  constexpr std::int64_t kSequences = 8, kRow = kCount / kSequences;  // of add_rows
  const std::string hidden = shape_of(kTokens, 4 * kChannels),
                    narrow = shape_of(kTokens, kChannels);
  cases.push_back({"gelu_forward", hidden, 0, [](Arrays& arrays) {
                     kernels::gelu_forward(kernels::device_context(),
                                           {.dtype = DType::bf16,
                                            .out = arrays.output<bf16>(kHidden),
                                            .x = arrays.input<bf16>(kHidden),
                                            .count = kHidden});
                   }});
  cases.push_back({"gelu_backward", hidden, 0, [](Arrays& arrays) {
                     kernels::gelu_backward(kernels::device_context(),
                                            {.dtype = DType::bf16,
                                             .grad_x = arrays.output<bf16>(kHidden),
                                             .grad_out = arrays.input<bf16>(kHidden),
                                             .x = arrays.input<bf16>(kHidden),
                                             .count = kHidden});
                   }});
  cases.push_back({"add", narrow, 0, [](Arrays& arrays) {
                     kernels::add(kernels::device_context(), {.dtype = DType::bf16,
                                                              .out = arrays.output<bf16>(kCount),
                                                              .a = arrays.input<bf16>(kCount),
                                                              .b = arrays.input<bf16>(kCount),
                                                              .count = kCount});
                   }});
  cases.push_back({"multiply", narrow, 0, [](Arrays& arrays) {
                     kernels::multiply(kernels::device_context(),
                                       {.dtype = DType::bf16,
                                        .out = arrays.output<bf16>(kCount),
                                        .a = arrays.input<bf16>(kCount),
                                        .b = arrays.input<bf16>(kCount),
                                        .count = kCount});
                   }});
  cases.push_back({"add_rows", narrow, 0, [](Arrays& arrays) {
                     kernels::add_rows(kernels::device_context(),
                                       {.dtype = DType::bf16,
                                        .out = arrays.output<bf16>(kCount),
                                        .x = arrays.input<bf16>(kCount),
                                        .y = arrays.input<bf16>(kRow),
                                        .rows = kSequences,
                                        .inner = kRow});
                   }});
  cases.push_back({"add_rows_backward", narrow, 0, [](Arrays& arrays) {
                     kernels::add_rows_backward(kernels::device_context(),
                                                {.dtype = DType::bf16,
                                                 .grad_y = arrays.output<bf16>(kRow),
                                                 .grad_out = arrays.input<bf16>(kCount),
                                                 .rows = kSequences,
                                                 .inner = kRow});
                   }});
  cases.push_back({"dropout", narrow, 0, [](Arrays& arrays) {
                     kernels::dropout(kernels::device_context(),
                                      {.dtype = DType::bf16,
                                       .out = arrays.output<bf16>(kCount),
                                       .x = arrays.input<bf16>(kCount),
                                       .residual = arrays.input<bf16>(kCount),
                                       .count = kCount,
                                       .draw = draw_of(arrays)});
                   }});
  cases.push_back({"convert", narrow + " of f32", 0, [](Arrays& arrays) {
                     kernels::convert(kernels::device_context(),
                                      {.from = DType::f32,
                                       .to = DType::bf16,
                                       .out = arrays.output<bf16>(kCount),
                                       .x = arrays.input<float>(kCount),
                                       .count = kCount});
                   }});
  // The CLS token of every position.
  cases.push_back({"copy_rows", shape_of(kPositions, kChannels), 0, [](Arrays& arrays) {
                     constexpr std::int64_t kStride = kPositionTokens * kChannels;
                     kernels::copy_rows(
                         kernels::device_context(),
                         {.dtype = DType::bf16,
                          .out = arrays.output<bf16>(kPositions * kChannels),
                          .x = arrays.input<bf16>(kPositions * kStride, kPositions * kChannels),
                          .rows = kPositions,
                          .cols = kChannels,
                          .out_stride = kChannels,
                          .x_stride = kStride});
                   }});
}

void add_softmax(std::vector<Case>& cases, std::int64_t rows, std::int64_t cols, bool log) {
  const std::string shape = shape_of(rows, cols) + (log ? " log" : "");
  cases.push_back({"softmax_forward", shape, 0, [=](Arrays& arrays) {
                     kernels::softmax_forward(kernels::device_context(),
                                              {.dtype = DType::bf16,
                                               .out = arrays.output<bf16>(rows * cols),
                                               .x = arrays.input<bf16>(rows * cols),
                                               .rows = rows,
                                               .cols = cols,
                                               .log = log});
                   }});
  cases.push_back({"softmax_backward", shape, 0, [=](Arrays& arrays) {
                     kernels::softmax_backward(kernels::device_context(),
                                               {.dtype = DType::bf16,
                                                .grad_x = arrays.output<bf16>(rows * cols),
                                                .grad_out = arrays.input<bf16>(rows * cols),
                                                .out = arrays.input<bf16>(rows * cols),
                                                .rows = rows,
                                                .cols = cols,
                                                .log = log});
                   }});
}

void add_sums(std::vector<Case>& cases) {
  constexpr std::int64_t kTerms = std::int64_t{64} * 32 * 512;
  cases.push_back({"divergence_forward", fmt::format("{} bf16", kTerms), 0, [](Arrays& arrays) {
                     kernels::divergence_forward(kernels::device_context(),
                                                 {.dtype = DType::bf16,
                                                  .out = arrays.output<double>(1),
                                                  .target = arrays.input<bf16>(kTerms),
                                                  .student = arrays.input<bf16>(kTerms),
                                                  .count = kTerms});
                   }});
  cases.push_back({"divergence_backward", fmt::format("{} bf16", kTerms), 0, [](Arrays& arrays) {
                     kernels::divergence_backward(kernels::device_context(),
                                                  {.dtype = DType::bf16,
                                                   .grad_student = arrays.output<bf16>(kTerms),
                                                   .target = arrays.input<bf16>(kTerms),
                                                   .student = arrays.input<bf16>(kTerms),
                                                   .count = kTerms,
                                                   .grad_out = arrays.input<double>(1)});
                   }});
  cases.push_back({"column_sum", shape_of(kTokens, 4 * kChannels), 0, [](Arrays& arrays) {
                     kernels::column_sum(kernels::device_context(),
                                         {.dtype = DType::bf16,
                                          .out = arrays.output<bf16>(4 * kChannels),
                                          .x = arrays.input<bf16>(kTokens * 4 * kChannels),
                                          .rows = kTokens,
                                          .cols = 4 * kChannels});
                   }});
  cases.push_back({"sum_of_squares", fmt::format("{} f32", kParameters), 0, [](Arrays& arrays) {
                     kernels::sum_of_squares(kernels::device_context(),
                                             {.dtype = DType::f32,
                                              .out = arrays.output<double>(1),
                                              .x = arrays.input<float>(kParameters),
                                              .count = kParameters});
                   }});
  cases.push_back({"adamw", fmt::format("{} f32", kParameters), 0, [](Arrays& arrays) {
                     kernels::adamw(kernels::device_context(),
                                    {.dtype = DType::f32,
                                     .value = arrays.in_place<float>(kParameters),
                                     .gradient = arrays.input<float>(kParameters),
                                     .m = arrays.in_place<float>(kParameters),
                                     .v = arrays.in_place<float>(kParameters),
                                     .count = kParameters,
                                     .rates = arrays.input<double>(3)});
                   }});
}

}  // namespace

std::vector<Case> row_cases() {
  std::vector<Case> cases;
  const std::string narrow = shape_of(kTokens, kChannels);
  add_layer_norms(cases, kTokens, kChannels);
  add_layer_norms(cases, kPositions * kPositionTokens, kChannels);
  cases.push_back({"residual_layer_norm_forward", narrow, 0, residual_layer_norm_forward});
  cases.push_back({"residual_layer_norm_backward", narrow, 0, residual_layer_norm_backward});
  add_elementwise(cases);
  add_softmax(cases, kTokens, 512, true);
  add_sums(cases);
  return cases;
}

}  // namespace seqpe::costs
