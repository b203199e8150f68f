#include "models/tasks/lm_generation.h"

#include <algorithm>
#include <cmath>

#include "engine/autograd/node.h"
#include "engine/core/random.h"
#include "engine/core/stream_id.h"
#include "models/positions/prefix_positions.h"

namespace seqpe::models {
namespace {

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

std::string generate(const LanguageModel& model, const std::string& prompt, std::int64_t count,
                     double temperature, std::uint64_t seed) {
  const autograd::NoGradGuard no_grad;
  std::vector<std::int32_t> tokens = model.tokenizer().encode(prompt);
  require<DataError>(!tokens.empty(),
                     "[generate] the prompt must hold at least one token, it is empty.");
  require(temperature > 0, "[generate] the temperature must be > 0, got {}.", temperature);
  PhiloxGenerator random({.seed = seed, .stream = stream_id("generate"), .step = 0});
  const auto begin = static_cast<std::int64_t>(tokens.size()),
             end = std::min(begin + count, writable_positions(model));
  if (begin >= end) return prompt;
  const PrefixPositions positions(model.gpt().position(), 0, end);
  for (std::int64_t length = begin; length < end; ++length) {
    const std::vector<std::int64_t> wide(tokens.begin(), tokens.end());
    const Tensor hidden =
        model.gpt().forward(Tensor::from({1, length}, wide), positions.of(length), {}, {});
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
