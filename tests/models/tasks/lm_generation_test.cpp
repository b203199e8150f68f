// Text drawn from models whose probabilities are known.
#include "models/tasks/lm_generation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/autograd/node.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe::models {
namespace {

using test::tiny_language_model;
using test::unigram_model;

TEST(Generate, IsReproducibleBySeed) {
  const LanguageModel model = tiny_language_model({});
  const std::string one = generate(model, "It was", 20, 1.0, 5);
  EXPECT_EQ(one, generate(model, "It was", 20, 1.0, 5));
  EXPECT_NE(one, generate(model, "It was", 20, 1.0, 6));
  EXPECT_TRUE(one.starts_with("It was"));
  EXPECT_EQ(one.size(), 26u);
}

TEST(Generate, DrawsByTheProbabilitiesAtATemperature) {
  // 'a' has 765 of 765 + 255 at temperature 1, sqrt(765) of sqrt(765) + 255 at 2. Bounds: four
  // standard deviations of 400 draws.
  const LanguageModel model = unigram_model({{'a', 765}});
  const std::pair<double, double> cases[] = {
      {0.01, 1.0}, {1.0, 0.75}, {2.0, std::sqrt(765.0) / (std::sqrt(765.0) + 255)}};
  for (const auto& [temperature, share] : cases) {
    const std::string text = generate(model, "b", 400, temperature, 1).substr(1);
    const auto got = static_cast<double>(std::count(text.begin(), text.end(), 'a')) / 400;
    EXPECT_NEAR(got, share, 4 * std::sqrt(share * (1 - share) / 400)) << temperature;
  }
}

TEST(Generate, EndsWhereTheModelHasNoMorePositions) {
  const LanguageModel model = tiny_language_model(
      {"seqpe.base=3", "seqpe.max_position=9", "seqpe.max_digits=2", "data.block_size=4",
       "seqpe.contrastive.weight=0", "seqpe.transfer.weight=0", "seqpe.shift.rate=0"});
  EXPECT_EQ(generate(model, "four", 3, 1.0, 1).size(), 7u);
  EXPECT_EQ(generate(model, "four", 20, 1.0, 1).size(), 9u) << "3^2 positions";
  EXPECT_EQ(generate(model, "nine bytes", 20, 1.0, 1), "nine bytes");
}

TEST(Generate, EveryTokenStandsAtItsOwnPosition) {
  // So cold that the likeliest token is drawn. The table of 8 rows is stretched anew for every
  // longer text.
  for (const char* position : {"seqpe", "learned", "none"}) {
    SCOPED_TRACE(position);
    const LanguageModel model = tiny_language_model({std::string("model.position=") + position});
    // Initial logits hardly differ.
    for (const nn::Parameter& parameter : model.parameters()) {
      for (double& value : parameter.value.span<double>()) value *= 5;
    }
    std::string text = "It was";
    const std::string drawn = generate(model, text, 12, 1e-9, 1);
    const autograd::NoGradGuard no_grad;
    while (text.size() < 18) {
      const auto length = static_cast<std::int64_t>(text.size());
      std::vector<std::int64_t> ids;
      for (const char byte : text) ids.push_back(static_cast<unsigned char>(byte));
      const Tensor pe = model.gpt().position().embed(line(length), {});
      const Tensor hidden = model.gpt().forward(Tensor::from({1, length}, ids), pe, {}, {});
      const Tensor last = hidden.view({length, hidden.dim(2)}).rows(length - 1, length);
      const Tensor logits = model.gpt().logits(last);
      const auto values = logits.span<double>();
      text += static_cast<char>(std::max_element(values.begin(), values.end()) - values.begin());
    }
    EXPECT_EQ(drawn, text);
  }
}

TEST(Generate, NoTokensLeaveThePrompt) {
  EXPECT_EQ(generate(unigram_model({}), "It was", 0, 1.0, 1), "It was");
}

TEST(Generate, RefusesAnEmptyPromptAndATemperatureThatIsNotPositive) {
  const LanguageModel model = unigram_model({});
  test::expect_error<DataError>([&] { generate(model, "", 1, 1.0, 1); },
                                "[generate] the prompt must hold at least one token, it is empty.");
  test::expect_error([&] { generate(model, "a", 1, 0.0, 1); },
                     "[generate] the temperature must be > 0, got 0.");
  test::expect_error([&] { generate(model, "a", 1, std::nan(""), 1); },
                     "[generate] the temperature must be > 0, got nan.");
}

}  // namespace
}  // namespace seqpe::models
