#include "models/positions/registry.h"

#include <gtest/gtest.h>

#include "engine/autograd/node.h"

#include "tests/support/expect_error.h"

namespace seqpe::models {
namespace {

TEST(PositionRegistry, MakesEachByItsName) {
  EXPECT_EQ(position_names(),
            (std::vector<std::string>{"seqpe", "learned", "sinusoidal", "rotary", "rotary_2d",
                                      "rotary_mixed", "alibi", "none"}));
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
                           Interpolation mode, const char* what) {
    test::expect_error<ConfigError>(
        [&] { embeddings(name, trained, mode, trained); },
        fmt::format("[config] model.position {} cannot be interpolated so (model.interpolate) on "
                    "{}.",
                    name, what));
  };
  refused("seqpe", {4}, Interpolation::bicubic, "text");
  refused("rotary", {2, 2}, Interpolation::bilinear, "images");
  refused("rotary_2d", {2, 2}, Interpolation::linear, "images");
  refused("alibi", {4}, Interpolation::linear, "text");
}

TEST(PositionRegistry, RefusesOthers) {
  test::expect_error<ConfigError>([] { position_kind("sin"); },
                                  "[positions] there is no encoding 'sin', only seqpe, learned, "
                                  "sinusoidal, rotary, rotary_2d, rotary_mixed, alibi, none.");
}

}  // namespace
}  // namespace seqpe::models
