// RandAugment against timm's.
#include "engine/data/rand_augment.h"

#include "tests/golden_tests/golden_statistics.h"
#include "tests/golden_tests/image_golden.h"

namespace seqpe {
namespace {

using data::AugmentOperation;
using nlohmann::json;

AugmentOperation operation_named(const json& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  EXPECT_NE(found, names.end()) << name;
  return static_cast<AugmentOperation>(found - names.begin());
}

TEST(GoldenRandAugment, EveryOperation) {
  const test::ImageGolden golden("randaugment");
  const json& names = golden.config.at("ops_in_order");
  ASSERT_EQ(static_cast<std::int64_t>(names.size()), data::kAugmentOperations);
  for (const json& row : golden.config.at("cases")) {
    SCOPED_TRACE(row.dump());
    const json& magnitude = row.at("magnitude");
    const data::AugmentStep step{operation_named(names, row.at("op")),
                                 magnitude.is_null() ? 0.0 : magnitude.get<double>(),
                                 row.at("negated")};
    test::expect_same(
        data::rand_augment_image(golden.image("in." + row.at("in").get<std::string>()), {step},
                                 golden.config.at("fill_rgb")),
        golden.image("out." + row.at("key").get<std::string>()));
  }
}

TEST(GoldenRandAugment, Arguments) {
  const json file = test::golden_statistics("randaugment_table");
  EXPECT_EQ(file.at("fill_rgb").get<data::Color>(), data::kImageNetMeanColor);
  const json& names = file.at("ops_in_order");
  for (const auto& [name, arguments] : file.at("table").items()) {
    const AugmentOperation operation = operation_named(names, name);
    if (arguments.is_null()) {
      EXPECT_EQ(data::augment_argument({operation, 9}), 0);
      continue;
    }
    for (const auto& [magnitude, argument] : arguments.items()) {
      SCOPED_TRACE(name + " at " + magnitude);
      const double m = std::stod(magnitude);
      const bool two_sides = argument.is_array();
      EXPECT_EQ(data::augment_argument({operation, m}),
                (two_sides ? argument[0] : argument).get<double>());
      EXPECT_EQ(data::augment_argument({operation, m, true}),
                (two_sides ? argument[1] : argument).get<double>());
    }
  }
}

TEST(GoldenRandAugment, Draws) {
  const json file = test::golden_statistics("randaugment_table");
  const data::RandAugmentOptions options;
  EXPECT_EQ(options.operations, file.at("num_layers"));
  PhiloxGenerator generator({.seed = 5});
  constexpr int images = 100'000;
  std::vector<double> magnitudes;
  std::vector<int> counts(data::kAugmentOperations);
  int negated = 0, at_10 = 0;
  for (int i = 0; i < images; ++i) {
    for (const data::AugmentStep& step : data::draw_rand_augment(options, generator)) {
      magnitudes.push_back(step.magnitude);
      ++counts.at(static_cast<std::size_t>(step.operation));
      negated += step.negated;
      at_10 += step.magnitude == 10;
    }
  }
  test::expect_quantiles(magnitudes, file.at("magnitude_draws"), "magnitude");
  // Within 5 standard deviations: the square root of a count is one at most.
  const auto near = [](int count, double expected) {
    EXPECT_NEAR(count, expected, 5 * std::sqrt(expected));
  };
  const auto steps = static_cast<double>(magnitudes.size());
  near(static_cast<int>(steps), 2 * images * file.at("prob_per_layer").get<double>());
  near(negated, steps * file.at("sign_negated_prob").get<double>());
  near(at_10, steps * file.at("magnitude_at_10_fraction").get<double>());
  for (const int count : counts) near(count, steps / data::kAugmentOperations);
}

}  // namespace
}  // namespace seqpe
