#include "models/tasks/lm_evaluation.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <tuple>

#include "engine/autograd/node.h"
#include "engine/dist/shared_failure.h"
#include "models/positions/prefix_positions.h"

namespace seqpe::models {
namespace {

// Blocks are computed together up to so many tokens: enough for full speed, little beside the
// weights.
constexpr std::int64_t kTokensAtOnce = 2048;

/// Blocks [begin, end), which are equally long.
struct Batch {
  std::size_t begin, end;
};

std::vector<Batch> batches_of(const std::vector<data::Block>& blocks) {
  std::vector<Batch> batches;
  for (std::size_t begin = 0, end; begin < blocks.size(); begin = end) {
    const std::int64_t length = blocks[begin].length,
                       most = std::max<std::int64_t>(1, kTokensAtOnce / length);
    end = begin + 1;
    while (end < blocks.size() && blocks[end].length == length &&
           static_cast<std::int64_t>(end - begin) < most)
      ++end;
    batches.push_back({begin, end});
  }
  return batches;
}

/// The sum of the losses of a batch, and of how many tokens.
std::pair<double, std::int64_t> sum_of_losses(const LanguageModel& model,
                                              const data::Chunks& chunks,
                                              std::span<const data::Block> blocks,
                                              const Tensor& pe) {
  const std::int64_t length = blocks[0].length, count = std::ssize(blocks);
  const Tensor ids = Tensor::empty({count, length}, DType::i64),
               labels = Tensor::empty({count, length}, DType::i64);
  for (std::int64_t b = 0; b < count; ++b) {
    data::fill_block(chunks, blocks[static_cast<std::size_t>(b)],
                     ids.data_as<std::int64_t>() + b * length,
                     labels.data_as<std::int64_t>() + b * length);
  }
  const auto result = model.gpt().loss(model.gpt().forward(ids, pe, {}, {}), labels, 1.0);
  return {result.loss.item(), result.counted};
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
                                 std::int64_t length, const train::OnEvaluated& on_evaluated,
                                 dist::ProcessGroup& ranks) {
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
  std::optional<PrefixPositions> positions;
  dist::SharedFailure failure;
  failure.attempt([&] { positions.emplace(model.gpt().position(), config.eval.start, longest); });
  failure.throw_together(ranks);
  LengthEvaluation result{
      .length = length, .blocks = static_cast<std::int64_t>(blocks.size()), .longest = longest};
  for (const data::Block& block : blocks)
    result.words += data::count_words(chunks, block, model.tokenizer(), &block == blocks.data());
  // Of each batch the sum of its losses and its predicted tokens, from the one rank that computes
  // it: zeros of the others change no bit.
  const std::vector<Batch> batches = batches_of(blocks);
  std::vector<double> sums(2 * batches.size());
  const auto size = static_cast<std::size_t>(ranks.size());
  for (std::size_t round = 0; round < batches.size(); round += size) {
    const std::size_t last = std::min(batches.size(), round + size) - 1,
                      mine = round + static_cast<std::size_t>(ranks.rank());
    if (mine <= last) {
      failure.attempt([&, batch = batches[mine]] {
        std::tie(sums[2 * mine], sums[2 * mine + 1]) = sum_of_losses(
            model, chunks, std::span(blocks).subspan(batch.begin, batch.end - batch.begin),
            positions->of(blocks[batch.begin].length));
      });
    }
    if (on_evaluated) on_evaluated(static_cast<std::int64_t>(batches[last].end), result.blocks);
  }
  failure.throw_together(ranks);
  ranks.sum(sums);
  double nll = 0;
  for (std::size_t batch = 0; batch < batches.size(); ++batch) {
    nll += sums[2 * batch];
    result.tokens += static_cast<std::int64_t>(sums[2 * batch + 1]);
  }
  require<DataError>(
      result.tokens > 0,
      "[eval] the text must hold a token that follows another one, so that something "
      "is predicted; it holds none.");
  result.nll = nll / static_cast<double>(result.tokens);
  return result;
}

}  // namespace seqpe::models
