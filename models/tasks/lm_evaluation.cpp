// Perplexity at any length, and sampling.
#include <algorithm>
#include <cmath>

#include "engine/autograd/node.h"
#include "engine/core/random.h"
#include "engine/core/stream_id.h"
#include "models/tasks/language_model.h"

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
  const auto result = model.gpt().loss(model.gpt().forward(ids, pe, {}, {}), labels);
  counted += result.counted;
  return result.sum;
}

/// The positions that the model can tell, counted from 0.
std::int64_t writable_positions(const LanguageModel& model) {
  constexpr std::int64_t kMany = std::int64_t{1} << 40;
  if (model.seqpe() == nullptr) return kMany;
  const SeqpeOptions& options = model.config().seqpe;
  std::int64_t positions = 1;
  for (std::int64_t digit = 0; digit < options.max_digits && positions < kMany; ++digit)
    positions *= options.base;
  return positions;
}

}  // namespace

train::EvalRow evaluate_length(const LanguageModel& model, const data::Chunks& chunks,
                               std::int64_t length, const train::OnEvaluated& on_evaluated) {
  const autograd::NoGradGuard no_grad;
  const Config& config = model.config();
  const std::int64_t stride = config.eval.stride == 0 ? length : config.eval.stride;
  const auto blocks = data::evaluation_blocks(chunks, length, stride, config.data.reference_blocks);
  require<DataError>(!blocks.empty(),
                     "[eval] the text must hold at least one token, it holds none.");
  // Embeddings of the whole length once; a shorter last block uses the first ones.
  const Tensor pe = model.gpt().position().embed({config.eval.start}, length, {});
  double nll = 0;
  std::int64_t tokens = 0, words = 0;
  for (std::size_t begin = 0, end; begin < blocks.size(); begin = end) {
    std::vector<data::Block> batch;
    const std::int64_t size = blocks[begin].length;
    for (end = begin; end < blocks.size() && blocks[end].length == size; ++end) {
      if (!batch.empty() && (static_cast<std::int64_t>(batch.size()) + 1) * size > kTokensAtOnce)
        break;
      batch.push_back(blocks[end]);
      words += data::count_words(chunks, blocks[end], model.tokenizer(), end == 0);
    }
    Tensor block_pe = pe;
    if (pe.defined() && size < length)
      block_pe = pe.view({length, pe.dim(2)}).rows(0, size).view({1, size, pe.dim(2)});
    nll += sum_of_losses(model, chunks, batch, block_pe, tokens);
    if (on_evaluated)
      on_evaluated(static_cast<std::int64_t>(end), static_cast<std::int64_t>(blocks.size()));
  }
  const double mean = nll / static_cast<double>(std::max<std::int64_t>(1, tokens));
  return {{"length", static_cast<double>(length)},
          {"nll", mean},
          {"token_ppl", std::exp(mean)},
          {"word_ppl", std::exp(nll / static_cast<double>(std::max<std::int64_t>(1, words)))},
          {"tokens", static_cast<double>(tokens)},
          {"words", static_cast<double>(words)},
          {"blocks", static_cast<double>(blocks.size())}};
}

std::string generate(const LanguageModel& model, const std::string& prompt, std::int64_t count,
                     double temperature, std::uint64_t seed) {
  const autograd::NoGradGuard no_grad;
  std::vector<std::int32_t> tokens = model.tokenizer().encode(prompt);
  require<DataError>(!tokens.empty(),
                     "[generate] the prompt must hold at least one token, it is empty.");
  PhiloxGenerator random({.seed = seed, .stream = stream_id("generate"), .step = 0});
  const auto most = static_cast<std::size_t>(writable_positions(model));
  for (std::int64_t n = 0; n < count && tokens.size() < most; ++n) {
    const auto length = static_cast<std::int64_t>(tokens.size());
    const std::vector<std::int64_t> wide(tokens.begin(), tokens.end());
    const Tensor hidden = model.gpt().forward(
        Tensor::from({1, length}, wide), model.gpt().position().embed({0}, length, {}), {}, {});
    const Tensor last = hidden.view({length, hidden.dim(2)}).rows(length - 1, length);
    const Tensor logits = model.gpt().logits(last).to(Device::cpu).to(DType::f64);
    std::vector<double> weights;
    const auto values = logits.span<double>();
    const double maximum = *std::max_element(values.begin(), values.end());
    double total = 0;
    for (const double value : values) weights.push_back(std::exp((value - maximum) / temperature));
    for (const double weight : weights) total += weight;
    double draw = random.uniform() * total;
    std::size_t token = 0;
    while (token + 1 < weights.size() && draw >= weights[token]) draw -= weights[token++];
    tokens.push_back(static_cast<std::int32_t>(token));
  }
  return model.tokenizer().decode(tokens);
}

}  // namespace seqpe::models
