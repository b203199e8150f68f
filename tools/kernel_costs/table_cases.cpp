#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "kernels/cross_entropy.h"
#include "kernels/embedding.h"
#include "kernels/position.h"
#include "tools/kernel_costs/case.h"

namespace seqpe::costs {
namespace {

constexpr Context kCuda{Device::cuda, nullptr};
constexpr std::int64_t kTokens = 4096, kChannels = 768;
// Rows of logits are padded to whole tiles of a matrix product.
constexpr std::int64_t kVocabulary = 50257, kStride = 50304;

/// Different token ids, in no order: each row of the table is used once, as its bytes are counted.
const std::int64_t* token_ids(Arrays& arrays) {
  static const std::vector<std::int64_t> ids = [] {
    std::vector<std::int64_t> all(kTokens);
    for (std::int64_t i = 0; i < kTokens; ++i)
      all[static_cast<std::size_t>(i)] = i * (kVocabulary / kTokens);
    std::shuffle(all.begin(), all.end(), std::mt19937(1));
    return all;
  }();
  return arrays.indices(ids);
}

void embedding_forward(Arrays& arrays) {
  kernels::embedding_forward(
      kCuda, {.dtype = DType::bf16,
              .out = arrays.output<bf16>(kTokens * kChannels),
              .table = arrays.input<bf16>(kVocabulary * kChannels, kTokens * kChannels),
              .indices = token_ids(arrays),
              .count = kTokens,
              .rows = kVocabulary,
              .cols = kChannels});
}

void embedding_backward(Arrays& arrays) {
  bf16* table = arrays.in_place<bf16>(kVocabulary * kChannels, kTokens * kChannels);
  kernels::embedding_backward(kCuda, {.dtype = DType::bf16,
                                      .grad_table = table,
                                      .write = Write::accumulate,
                                      .grad_out = arrays.input<bf16>(kTokens * kChannels),
                                      .indices = token_ids(arrays),
                                      .count = kTokens,
                                      .rows = kVocabulary,
                                      .cols = kChannels});
}

void cross_entropy(Arrays& arrays) {
  bf16* logits = arrays.in_place<bf16>(kTokens * kStride, kTokens * kVocabulary);
  kernels::cross_entropy(kCuda, {.dtype = DType::bf16,
                                 .losses = arrays.output<float>(kTokens),
                                 .logits = logits,
                                 .labels = token_ids(arrays),
                                 .rows = kTokens,
                                 .cols = kVocabulary,
                                 .stride = kStride,
                                 .grad_logits = logits});
}

kernels::PositionLayout layout() {
  return {.batch = 8,
          .tokens = kTokens / 8,
          .channels = kChannels,
          .blocks = 1,
          .width = 2 * kChannels,
          .q_column = 0,
          .k_column = kChannels,
          .slice = kChannels,
          .first_sequence = 0};
}

void position_forward(Arrays& arrays) {
  kernels::position_forward(kCuda, {.dtype = DType::bf16,
                                    .act = kernels::PositionAct::add,
                                    .layout = layout(),
                                    .out = arrays.output<bf16>(kTokens * 3 * kChannels),
                                    .qkv = arrays.input<bf16>(kTokens * 3 * kChannels),
                                    .pe = arrays.input<bf16>(kTokens / 8 * 2 * kChannels)});
}

/// attn_mul, whose backward needs all inputs; values are used by the gradient of qkv alone.
void position_backward(Arrays& arrays) {
  kernels::position_backward(
      kCuda, {.dtype = DType::bf16,
              .act = kernels::PositionAct::multiply,
              .layout = layout(),
              .grad_qkv = arrays.output<bf16>(kTokens * 3 * kChannels),
              .grad_pe = arrays.output<bf16>(kTokens / 8 * 2 * kChannels),
              .grad_out = arrays.input<bf16>(kTokens * 3 * kChannels),
              .qkv = arrays.input<bf16>(kTokens * 3 * kChannels, kTokens * 2 * kChannels),
              .pe = arrays.input<bf16>(kTokens / 8 * 2 * kChannels)});
}

}  // namespace

std::vector<Case> table_cases() {
  const std::string rows = fmt::format("{} of {} x {} bf16", kTokens, kVocabulary, kChannels),
                    logits = fmt::format("{} x {} bf16, in place", kTokens, kVocabulary),
                    qkv = fmt::format("8 x {} x {} bf16", kTokens / 8, 3 * kChannels);
  return {{"embedding_forward", rows, 0, embedding_forward},
          {"embedding_backward", rows, 0, embedding_backward},
          {"cross_entropy", logits, 0, cross_entropy},
          {"position_forward", qkv, 0, position_forward},
          {"position_backward", qkv, 0, position_backward}};
}

}  // namespace seqpe::costs
