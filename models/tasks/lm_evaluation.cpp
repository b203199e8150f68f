#include "models/tasks/lm_evaluation.h"

#include <algorithm>
#include <cmath>

#include "engine/autograd/node.h"
#include "models/positions/prefix_positions.h"

namespace seqpe::models {
namespace {

// Blocks are computed together up to so many tokens: enough for full speed, little beside the
// weights.
constexpr std::int64_t kTokensAtOnce = 2048;

double sum_of_losses(const LanguageModel& model, const data::Chunks& chunks,
                     const std::vector<data::Block>& blocks, const Tensor& pe,
                     std::int64_t& counted) {
  const std::int64_t length = blocks[0].length, count = static_cast<std::int64_t>(blocks.size());
  const Tensor ids = Tensor::empty({count, length}, DType::i64),
               labels = Tensor::empty({count, length}, DType::i64);
  for (std::int64_t b = 0; b < count; ++b) {
    data::fill_block(chunks, blocks[static_cast<std::size_t>(b)],
                     ids.data_as<std::int64_t>() + b * length,
                     labels.data_as<std::int64_t>() + b * length);
  }
  const auto result = model.gpt().loss(model.gpt().forward(ids, pe, {}, {}), labels, 1.0);
  counted += result.counted;
  return result.loss.item();
}

}  // namespace

double LengthEvaluation::token_perplexity() const {
  return std::exp(nll);
}

double LengthEvaluation::word_perplexity() const {
  return std::exp(nll * static_cast<double>(tokens) /
                  static_cast<double>(std::max<std::int64_t>(1, words)));
}

train::EvalRow LengthEvaluation::row() const {
  return {{"length", length},
          {"nll", nll},
          {"token_ppl", token_perplexity()},
          {"word_ppl", word_perplexity()},
          {"tokens", tokens},
          {"words", words},
          {"blocks", blocks}};
}

LengthEvaluation evaluate_length(const LanguageModel& model, const data::Chunks& chunks,
                                 std::int64_t length, const train::OnEvaluated& on_evaluated) {
  const autograd::NoGradGuard no_grad;
  const Config& config = model.config();
  const std::int64_t stride = config.eval.stride == 0 ? length : config.eval.stride;
  const auto blocks = data::evaluation_blocks(chunks, length, stride, config.data.reference_blocks);
  require<DataError>(!blocks.empty(),
                     "[eval] the text must hold at least one token{}, it holds none.",
                     config.data.reference_blocks
                         ? " beside the last block of a chunk, which data.reference_blocks drops"
                         : "");
  std::int64_t longest = 0;
  for (const data::Block& block : blocks) longest = std::max(longest, block.length);
  const PrefixPositions positions(model.gpt().position(), config.eval.start, longest);
  LengthEvaluation result{
      .length = length, .blocks = static_cast<std::int64_t>(blocks.size()), .longest = longest};
  double nll = 0;
  for (std::size_t begin = 0, end; begin < blocks.size(); begin = end) {
    std::vector<data::Block> batch;
    const std::int64_t size = blocks[begin].length;
    for (end = begin; end < blocks.size() && blocks[end].length == size; ++end) {
      if (!batch.empty() && (static_cast<std::int64_t>(batch.size()) + 1) * size > kTokensAtOnce)
        break;
      batch.push_back(blocks[end]);
      result.words += data::count_words(chunks, blocks[end], model.tokenizer(), end == 0);
    }
    nll += sum_of_losses(model, chunks, batch, positions.of(size), result.tokens);
    if (on_evaluated) on_evaluated(static_cast<std::int64_t>(end), result.blocks);
  }
  require<DataError>(
      result.tokens > 0,
      "[eval] the text must hold a token that follows another one, so that something "
      "is predicted; it holds none.");
  result.nll = nll / static_cast<double>(result.tokens);
  return result;
}

}  // namespace seqpe::models
