#include "models/positions/registry.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/autograd/node.h"
#include "engine/optim/parameter_buffers.h"
#include "models/seqpe/seqpe_position.h"
#include "tests/support/expect_error.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

TEST(PositionRegistry, MakesEachByItsName) {
  const std::vector<std::string> names = position_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  for (const std::string& name : position_names()) {
    EXPECT_EQ(position_kind(name).name, name);
    for (const auto& trained : {std::vector<std::int64_t>{5}, {2, 3}}) {
      const bool grid = trained.size() == 2;
      const PositionSettings settings{
          .layers = 1, .width = 8, .heads = 2, .trained = trained, .seqpe = {}};
      const PositionAbilities& can = position_kind(name).can;
      if (!(grid ? can.images : can.text)) {
        test::expect_error<ConfigError>(
            [&] { make_position(name, settings); },
            fmt::format("[config] model.position {} is no encoding of {}.", name,
                        grid ? "images" : "text"));
        continue;
      }
      const auto made = make_position(name, settings);
      ASSERT_NE(made, nullptr) << name;
      EXPECT_EQ(made->embed(at_origin(trained), {}).defined(), name != "none");
    }
  }
  EXPECT_TRUE(position_kind("learned").can.has_end);
}

/// Attention of a few tokens with the encoding, as a model's first layer computes it.
std::vector<double> attended(const PositionEncoding& position, const nn::SelfAttention& attention,
                             const PositionGrid& grid, const Tensor& tokens) {
  const nn::Pass pass;
  const PreparedPositions prepared = position.prepare(position.embed(grid, pass), tokens.dtype());
  nn::SelfAttention::Extra extra;
  position.at_attention(0, prepared, pass, extra);
  const Tensor out = attention.attend(position.at_input(tokens, prepared, pass), pass, extra);
  EXPECT_EQ(out.dtype(), tokens.dtype());
  return test::elements<double>(out.to(DType::f64));
}

TEST(PositionRegistry, EachServesMixedPrecision) {
  for (const std::string& name : position_names()) {
    for (const auto& trained : {std::vector<std::int64_t>{7}, {2, 3}}) {
      const bool grid = trained.size() == 2;
      const PositionAbilities& can = position_kind(name).can;
      if (!(grid ? can.images : can.text)) continue;
      SCOPED_TRACE(fmt::format("{} of {}", name, grid ? "images" : "text"));
      const auto position = make_position(
          name, {.layers = 1, .width = 8, .heads = 2, .trained = trained, .seqpe = {}});
      nn::SelfAttention attention({.width = 8, .heads = 2, .causal = !grid});
      position->set_name("position");
      attention.set_name("attention");
      position->initialize(1);
      test::randomize(attention);
      auto* const seqpe = dynamic_cast<SeqpePosition*>(position.get());
      if (seqpe != nullptr) seqpe->encoder().initialize(2);
      const Tensor tokens = test::random_tensor({2, 7, 8}, 3);
      const autograd::NoGradGuard no_grad;
      const auto exact = attended(*position, attention, at_origin(trained), tokens.to(DType::f32));
      std::vector<nn::Parameter> parameters = attention.parameters();
      const auto add = [&](nn::Module& module) {
        for (const nn::Parameter& parameter : module.parameters()) parameters.push_back(parameter);
      };
      add(*position);
      if (seqpe != nullptr) add(seqpe->encoder());
      const auto groups = optim::make_groups(parameters, DType::bf16);
      const auto rounded =
          attended(*position, attention, at_origin(trained), tokens.to(DType::bf16));
      ASSERT_EQ(rounded.size(), exact.size());
      for (std::size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(rounded[i], exact[i], 0.05) << i;
    }
  }
}

TEST(PositionRegistry, InterpolatesWhatItCan) {
  const auto embeddings = [](const std::string& name, std::vector<std::int64_t> trained,
                             Interpolation mode, std::vector<std::int64_t> extent) {
    const auto made = make_position(name, {.layers = 1,
                                           .width = 8,
                                           .heads = 2,
                                           .trained = std::move(trained),
                                           .interpolate = mode,
                                           .seqpe = {}});
    made->initialize(1);
    const autograd::NoGradGuard no_grad;
    return std::pair(made->embed(at_origin(extent), {}).dim(1), made->shorter_is_prefix(2));
  };
  EXPECT_EQ(embeddings("sinusoidal", {4}, Interpolation::linear, {8}), std::pair(8L, false));
  EXPECT_EQ(embeddings("sinusoidal", {4}, Interpolation::none, {8}), std::pair(8L, true));
  EXPECT_EQ(embeddings("rotary", {2, 2}, Interpolation::linear, {3, 2}).first, 7);
  EXPECT_EQ(embeddings("learned", {2, 2}, Interpolation::bilinear, {3, 2}).first, 7);
  EXPECT_EQ(embeddings("seqpe", {2, 2}, Interpolation::bicubic, {3, 2}).first, 6);
  const auto refused = [&](const std::string& name, std::vector<std::int64_t> trained,
                           Interpolation mode, const char* allowed, const char* what) {
    test::expect_error<ConfigError>(
        [&] { embeddings(name, trained, mode, trained); },
        fmt::format("[config] model.interpolate must be one of {} with model.position {} on {}.",
                    allowed, name, what));
  };
  refused("seqpe", {4}, Interpolation::bicubic, "none, linear", "text, got bicubic");
  refused("rotary", {2, 2}, Interpolation::bilinear, "none, linear", "images, got bilinear");
  refused("rotary_2d", {2, 2}, Interpolation::linear, "none", "images, got linear");
  refused("alibi", {4}, Interpolation::linear, "none", "text, got linear");
}

TEST(PositionRegistry, RefusesOthers) {
  test::expect_error<ConfigError>([] { position_kind("sin"); },
                                  fmt::format("[positions] there is no encoding 'sin', only {}.",
                                              fmt::join(position_names(), ", ")));
}

}  // namespace
}  // namespace seqpe::models
