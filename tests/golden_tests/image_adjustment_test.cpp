// Changes of colour against torchvision's.
#include "engine/data/image_adjustment.h"

#include "engine/data/color_jitter.h"
#include "engine/data/image_hue.h"
#include "tests/golden_tests/image_golden.h"

namespace seqpe {
namespace {

using data::ColorProperty;

const std::pair<const char*, ColorProperty> kProperties[] = {
    {"brightness", ColorProperty::brightness},
    {"contrast", ColorProperty::contrast},
    {"saturation", ColorProperty::saturation},
    {"hue", ColorProperty::hue}};

TEST(GoldenImageAdjustment, EveryPropertyAtFixedFactors) {
  const test::ImageGolden golden("color_jitter");
  for (const std::string image : {"photo", "noise", "cifar"}) {
    for (const auto& [name, property] : kProperties) {
      const bool hue = property == ColorProperty::hue;
      for (const nlohmann::json& factor : golden.config.at(hue ? "hue_factors" : "factors")) {
        const std::string out = fmt::format("out.{}.{}.{}", image, name, factor.dump());
        SCOPED_TRACE(out);
        test::expect_same(
            data::change_colors(golden.image("in." + image), {{property, factor.get<double>()}}),
            golden.image(out));
      }
    }
  }
}

TEST(GoldenImageAdjustment, SeveralInOrder) {
  const test::ImageGolden golden("color_jitter");
  for (const nlohmann::json& chain : golden.config.at("chains")) {
    SCOPED_TRACE(chain.dump());
    std::vector<data::ColorChange> changes;
    for (std::size_t i = 0; i < chain.at("order").size(); ++i) {
      const std::string wanted = chain.at("order")[i];
      for (const auto& [name, property] : kProperties)
        if (name == wanted) changes.push_back({property, chain.at("factors")[i]});
    }
    test::expect_same(data::change_colors(golden.image(chain.at("in")), changes),
                      golden.image(chain.at("key")));
  }
}

}  // namespace
}  // namespace seqpe
