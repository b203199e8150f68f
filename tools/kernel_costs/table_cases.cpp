#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "kernels/cross_entropy.h"
#include "kernels/device.h"
#include "kernels/embedding.h"
#include "kernels/position.h"
#include "tools/kernel_costs/case.h"

namespace seqpe::costs {
namespace {

constexpr std::int64_t kBatch = 32, kTokens = kBatch * 512, kChannels = 768;
constexpr std::int64_t kChunk = 4096;  // rows of logits that are made at once
// Rows of logits are padded to whole tiles of a matrix product.
constexpr std::int64_t kVocabulary = 50257, kStride = 50304;

/// Different token ids, in no order: each row of the table is used once, as its bytes are counted.
const std::int64_t* token_ids(Arrays& arrays, std::int64_t count) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    ids[static_cast<std::size_t>(i)] = i * (kVocabulary / count);
  std::shuffle(ids.begin(), ids.end(), std::mt19937(1));
  return arrays.indices(ids);
}

void embedding_forward(Arrays& arrays) {
  kernels::embedding_forward(
      kernels::device_context(),
      {.dtype = DType::bf16,
       .out = arrays.output<bf16>(kTokens * kChannels),
       .table = arrays.input<bf16>(kVocabulary * kChannels, kTokens * kChannels),
       .indices = token_ids(arrays, kTokens),
       .count = kTokens,
       .rows = kVocabulary,
       .cols = kChannels});
}

void embedding_backward(Arrays& arrays) {
  bf16* table = arrays.in_place<bf16>(kVocabulary * kChannels, kTokens * kChannels);
  kernels::embedding_backward(kernels::device_context(),
                              {.dtype = DType::bf16,
                               .grad_table = table,
                               .write = Write::accumulate,
                               .grad_out = arrays.input<bf16>(kTokens * kChannels),
                               .indices = token_ids(arrays, kTokens),
                               .count = kTokens,
                               .rows = kVocabulary,
                               .cols = kChannels});
}

void cross_entropy(Arrays& arrays) {
  bf16* logits = arrays.in_place<bf16>(kChunk * kStride, kChunk * kVocabulary);
  kernels::cross_entropy(kernels::device_context(), {.dtype = DType::bf16,
                                                     .losses = arrays.output<float>(kChunk),
                                                     .logits = logits,
                                                     .labels = token_ids(arrays, kChunk),
                                                     .rows = kChunk,
                                                     .cols = kVocabulary,
                                                     .stride = kStride,
                                                     .grad_logits = logits});
}

/// `learned`: the gradient of pe is wanted.
struct Position {
  kernels::PositionAct act;
  kernels::PositionLayout layout;
  bool learned;
};

kernels::PositionLayout layout(std::int64_t width, std::int64_t k_column, std::int64_t slice) {
  return {.batch = kBatch,
          .tokens = kTokens / kBatch,
          .channels = kChannels,
          .blocks = 1,
          .width = width,
          .q_column = 0,
          .k_column = k_column,
          .slice = slice,
          .first_sequence = 0};
}

void position_forward(Arrays& arrays, const Position& position) {
  kernels::position_forward(kernels::device_context(),
                            {.dtype = DType::bf16,
                             .act = position.act,
                             .layout = position.layout,
                             .out = arrays.output<bf16>(kTokens * 3 * kChannels),
                             .qkv = arrays.input<bf16>(kTokens * 3 * kChannels),
                             .pe = arrays.input<bf16>(kTokens / kBatch * position.layout.width)});
}

/// Values of qkv are used by no gradient of pe.
void position_backward(Arrays& arrays, const Position& position) {
  const std::int64_t pe = kTokens / kBatch * position.layout.width;
  kernels::position_backward(kernels::device_context(),
                             {.dtype = DType::bf16,
                              .act = position.act,
                              .layout = position.layout,
                              .grad_qkv = arrays.output<bf16>(kTokens * 3 * kChannels),
                              .grad_pe = position.learned ? arrays.output<bf16>(pe) : nullptr,
                              .grad_out = arrays.input<bf16>(kTokens * 3 * kChannels),
                              .qkv = position.learned ? arrays.input<bf16>(kTokens * 3 * kChannels,
                                                                           kTokens * 2 * kChannels)
                                                      : nullptr,
                              .pe = arrays.input<bf16>(pe)});
}

}  // namespace

std::vector<Case> table_cases() {
  const std::string rows = fmt::format("{} of {} x {} bf16", kTokens, kVocabulary, kChannels),
                    logits = fmt::format("{} x {} bf16, in place", kChunk, kVocabulary),
                    qkv = fmt::format("{} x {} x {} bf16", kBatch, kTokens / kBatch, 3 * kChannels),
                    turned = qkv + ", rotary";
  // attn_add forward, attn_mul backward: what each needs most. Rotary: 12 heads of 64.
  const Position add{kernels::PositionAct::add, layout(2 * kChannels, kChannels, kChannels), true},
      multiply{kernels::PositionAct::multiply, add.layout, true},
      rotate{kernels::PositionAct::rotate, layout(64, 0, 64), false};
  return {
      {"embedding_forward", rows, 0, embedding_forward},
      {"embedding_backward", rows, 0, embedding_backward},
      {"cross_entropy", logits, 0, cross_entropy},
      {"position_forward", qkv, 0, [=](Arrays& arrays) { position_forward(arrays, add); }},
      {"position_backward", qkv, 0, [=](Arrays& arrays) { position_backward(arrays, multiply); }},
      {"position_forward", turned, 0, [=](Arrays& arrays) { position_forward(arrays, rotate); }},
      {"position_backward", turned, 0, [=](Arrays& arrays) { position_backward(arrays, rotate); }}};
}

}  // namespace seqpe::costs
