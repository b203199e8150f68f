#include "models/seqpe/encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/support/directional_check.h"
#include "tests/support/expect_error.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kOut = 5;
constexpr nn::Pass kTraining{.training = true, .seed = 3, .step = 5};

SeqpeOptions small_options() {
  SeqpeOptions options;
  options.base = 3;
  options.max_digits = 3;
  options.encoder.width = 8;
  options.encoder.heads = 2;
  options.encoder.dropout = {.residual = 0.3, .attention = 0.2};
  return options;
}

std::unique_ptr<SeqpeEncoder> make_encoder(const SeqpeOptions& options) {
  auto encoder = std::make_unique<SeqpeEncoder>(options, kOut, DType::f64);
  test::randomize(*encoder, "encoder");
  return encoder;
}

/// One, two and three digits of base 3; as pairs, too.
const std::vector<std::int64_t> kPositions{0, 2, 3, 8, 9, 26, 9, 14};

Tensor forward(const SeqpeOptions& options, const nn::Pass& pass = {}) {
  return make_encoder(options)->forward(kPositions, pass);
}

bool differ(const Tensor& a, const Tensor& b) {
  return test::elements<double>(a) != test::elements<double>(b);
}

TEST(SeqpeEncoder, ParametersAreThoseOfPublishedCheckpoints) {
  SeqpeOptions options = small_options();
  const auto names = [&] {
    SeqpeEncoder encoder(options, kOut, DType::f32);
    encoder.set_name("");
    std::vector<std::string> out;
    for (const auto& one : encoder.parameters())
      out.push_back(one.name + " " + to_string(one.value.shape()));
    std::sort(out.begin(), out.end());
    return out;
  };
  options.encoder.layers = 1;
  options.encoder.last_layernorm = false;
  const std::vector<std::string> plain{"cls_token_embed [1, 1, 8]",
                                       "out_proj.bias [5]",
                                       "out_proj.weight [5, 8]",
                                       "pos_of_seqpe_embed.weight [3, 8]",
                                       "token_of_seqpe_embed.weight [3, 8]",
                                       "transformers.0.attn.c_attn.bias [24]",
                                       "transformers.0.attn.c_attn.weight [8, 24]",
                                       "transformers.0.attn.c_proj.bias [8]",
                                       "transformers.0.attn.c_proj.weight [8, 8]",
                                       "transformers.0.layernorm_1.bias [8]",
                                       "transformers.0.layernorm_1.weight [8]",
                                       "transformers.0.layernorm_2.bias [8]",
                                       "transformers.0.layernorm_2.weight [8]",
                                       "transformers.0.mlp.c_fc.bias [32]",
                                       "transformers.0.mlp.c_fc.weight [8, 32]",
                                       "transformers.0.mlp.c_proj.bias [8]",
                                       "transformers.0.mlp.c_proj.weight [32, 8]"};
  EXPECT_EQ(names(), plain);
  options.encoder.last_layernorm = true;
  options.dimensions = 2;
  const auto more = names();
  EXPECT_EQ(more.size(), plain.size() + 3);
  for (const char* name : {"dim_token_embed [2, 1, 8]", "layernorm.bias [8]",
                           "layernorm.weight [8]", "pos_of_seqpe_embed.weight [6, 8]"}) {
    EXPECT_EQ(std::count(more.begin(), more.end(), name), 1) << name;
  }
  options.encoder.layers = 3;
  EXPECT_EQ(names().size(), more.size() + 2 * 12);
}

/// Every combination of the options that change what is computed.
std::vector<SeqpeOptions> all_options() {
  std::vector<SeqpeOptions> all;
  for (int bits = 0; bits < 3 * 64; ++bits) {
    SeqpeOptions options = small_options();
    EncoderOptions& encoder = options.encoder;
    const auto bit = [&](int place) { return (bits >> place & 1) != 0; };
    encoder.attention = bit(0) ? AttentionDirection::causal : AttentionDirection::bidirectional;
    encoder.mask_padding = bit(1);
    encoder.last_layernorm = bit(2);
    encoder.temperature = bit(3) ? 2.5 : 1.0;
    encoder.activation = bit(4) ? ActivationName::gelu : ActivationName::gelu_new;
    options.dimensions = bit(5) ? 2 : 1;
    encoder.layers = 1 + (bits >> 6);
    all.push_back(options);
  }
  return all;
}

std::string describe(const SeqpeOptions& options) {
  const EncoderOptions& encoder = options.encoder;
  return fmt::format(
      "attention {}, mask {}, norm {}, temperature {}, activation {}, dimensions {}, "
      "layers {}",
      static_cast<int>(encoder.attention), encoder.mask_padding, encoder.last_layernorm,
      encoder.temperature, static_cast<int>(encoder.activation), options.dimensions,
      encoder.layers);
}

TEST(SeqpeEncoder, PrunedFormEqualsThePlainOne) {
  for (const SeqpeOptions& options : all_options()) {
    const auto encoder = make_encoder(options);
    for (const nn::Pass& pass : {nn::Pass{}, kTraining}) {
      SCOPED_TRACE(describe(options) + (pass.training ? ", training" : ""));
      const Tensor pruned = encoder->forward(kPositions, pass);
      EXPECT_EQ(pruned.dim(0), static_cast<std::int64_t>(kPositions.size()) / options.dimensions);
      test::expect_close(pruned, encoder->forward_plain(kPositions, pass));
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(SeqpeEncoder, PrunedFormHasThePlainOnesGradients) {
  for (SeqpeOptions options : all_options()) {
    if (options.encoder.temperature != 1.0) continue;
    const auto encoder = make_encoder(options);
    std::vector<Tensor> gradients;
    for (const bool plain : {true, false}) {
      for (const auto& parameter : encoder->parameters()) parameter.value.clear_grad();
      const Tensor out = plain ? encoder->forward_plain(kPositions, kTraining)
                               : encoder->forward(kPositions, kTraining);
      autograd::backward(out, test::random_tensor(out.shape(), 9));
      std::size_t next = 0;
      for (const auto& parameter : encoder->parameters()) {
        SCOPED_TRACE(describe(options) + ": " + parameter.name);
        ASSERT_TRUE(parameter.value.grad().defined());
        if (plain) {
          gradients.push_back(parameter.value.grad().clone());
        } else {
          test::expect_close(parameter.value.grad(), gradients[next++], 1e-11);
          if (testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

TEST(SeqpeEncoder, GradientsMatchDifferences) {
  for (SeqpeOptions options : all_options()) {
    if (options.encoder.layers != 2) continue;
    SCOPED_TRACE(describe(options));
    const auto encoder = make_encoder(options);
    test::expect_directional_gradients([&] { return encoder->forward(kPositions, kTraining); },
                                       encoder->parameters(), 1e-6);
  }
}

TEST(SeqpeEncoder, EveryOptionActs) {
  const SeqpeOptions options = small_options();
  const Tensor before = forward(options);
  const std::function<void(SeqpeOptions&)> changes[] = {
      [](auto& o) { o.encoder.attention = AttentionDirection::bidirectional; },
      [](auto& o) { o.encoder.mask_padding = true; },
      [](auto& o) { o.encoder.last_layernorm = false; },
      [](auto& o) { o.encoder.activation = ActivationName::gelu; },
      [](auto& o) { o.encoder.layer_norm_eps = 0.1; },
      [](auto& o) { o.encoder.heads = 4; },
      [](auto& o) { o.encoder.layers = 3; }};
  for (std::size_t i = 0; i < std::size(changes); ++i) {
    SeqpeOptions changed = options;
    changes[i](changed);
    EXPECT_TRUE(differ(forward(changed), before)) << i;
  }
  EXPECT_FALSE(differ(forward(options), before));
}

TEST(SeqpeEncoder, TemperatureDivides) {
  SeqpeOptions options = small_options();
  const Tensor before = forward(options);
  options.encoder.temperature = 4.0;
  const Tensor divided = forward(options);
  for (std::int64_t i = 0; i < before.numel(); ++i)
    EXPECT_DOUBLE_EQ(divided.data_as<double>()[i], before.data_as<double>()[i] / 4);
}

TEST(SeqpeEncoder, MaskedPaddingIsNotSeen) {
  // With padding masked and no place embedding the leading zeros make no difference: 7 in three and
  // in five digits.
  const auto embed = [](bool mask, std::int64_t max_digits) {
    SeqpeOptions options = small_options();
    options.encoder.mask_padding = mask;
    options.encoder.attention = AttentionDirection::bidirectional;
    options.max_digits = max_digits;
    SeqpeEncoder encoder(options, kOut, DType::f64);
    encoder.set_name("");
    encoder.initialize(1);
    for (const auto& parameter : encoder.parameters()) {
      if (parameter.name.starts_with("pos_of")) parameter.value.fill(0);
    }
    return encoder.forward({7}, {});
  };
  test::expect_close(embed(true, 5), embed(true, 3), 1e-13);
  EXPECT_TRUE(differ(embed(false, 5), embed(false, 3)));
}

TEST(SeqpeEncoder, PositionsAreEncodedApart) {
  const auto encoder = make_encoder(small_options());
  const Tensor all = encoder->forward(kPositions, {});
  for (std::size_t p = 0; p < kPositions.size(); ++p) {
    const auto row = static_cast<std::int64_t>(p);
    test::expect_close(encoder->forward({kPositions[p]}, {}), all.rows(row, row + 1));
  }
  test::expect_same(all.rows(4, 5), all.rows(6, 7));  // both are position 9
  EXPECT_TRUE(differ(all.rows(0, 1), all.rows(1, 2)));
  EXPECT_EQ(encoder->forward(std::vector<std::int64_t>{}, {}).shape(), (Shape{0, kOut}));
}

TEST(SeqpeEncoder, DropoutIsAFunctionOfThePassAndTheRow) {
  const auto encoder = make_encoder(small_options());
  const Tensor one = encoder->forward(kPositions, kTraining);
  test::expect_same(encoder->forward(kPositions, kTraining), one);
  EXPECT_TRUE(differ(one, encoder->forward(kPositions, {})));
  nn::Pass next = kTraining;
  ++next.step;
  EXPECT_TRUE(differ(one, encoder->forward(kPositions, next)));
  EXPECT_TRUE(differ(one.rows(4, 5), one.rows(6, 7))) << "equal positions, rows of their own";
  // More positions behind them change nothing.
  std::vector<std::int64_t> longer = kPositions;
  longer.push_back(5);
  test::expect_close(encoder->forward(longer, kTraining).rows(0, one.dim(0)), one);
}

TEST(SeqpeEncoder, FloatIsCloseToDouble) {
  const SeqpeOptions options = small_options();
  SeqpeEncoder single(options, kOut, DType::f32);
  test::randomize(single, "encoder");
  // Two blocks of width 8: a few hundred roundings of 6e-8 each.
  test::expect_close(single.forward(kPositions, {}).to(DType::f64), forward(options), 1e-5);
}

TEST(SeqpeEncoder, RefusesWhatItsDigitsCannotWrite) {
  const auto encoder = make_encoder(small_options());
  test::expect_error<ConfigError>(
      [&] { encoder->forward({27}, {}); },
      "[seqpe] position 27 needs 4 digits in base 3, seqpe.max_digits is 3. Hint: train with a "
      "larger seqpe.max_digits or evaluate at shorter lengths.");
}

}  // namespace
}  // namespace seqpe::models
