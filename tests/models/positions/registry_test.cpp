#include "models/positions/registry.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace seqpe::models {
namespace {

TEST(PositionRegistry, MakesEachByItsName) {
  EXPECT_EQ(position_names(), (std::vector<std::string>{"seqpe", "learned", "sinusoidal", "rotary",
                                                        "alibi", "none"}));
  for (const std::string& name : position_names()) {
    EXPECT_EQ(position_kind(name).name, name);
    const auto made = position_kind(name).make(
        {.layers = 1, .width = 8, .heads = 2, .train_length = 5, .seqpe = {}});
    ASSERT_NE(made, nullptr) << name;
    EXPECT_EQ(made->embed({0}, 5, {}).defined(), name != "none");
  }
  EXPECT_TRUE(position_kind("learned").has_end);
}

TEST(PositionRegistry, RefusesOthers) {
  test::expect_error<ConfigError>([] { position_kind("sin"); },
                                  "[positions] there is no encoding 'sin', only seqpe, learned, "
                                  "sinusoidal, rotary, alibi, none.");
}

}  // namespace
}  // namespace seqpe::models
