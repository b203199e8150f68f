// The published ViT-S/16 with SeqPE: names, shapes and weight decay of all its parameters.
#include <algorithm>

#include "engine/io/file.h"
#include "models/tasks/image_classifier.h"
#include "tests/golden_tests/golden_support.h"

namespace seqpe {
namespace {

TEST(GoldenVitNames, ThoseOfThePublishedModel) {
  const auto file = nlohmann::json::parse(
      io::read_text(test::goldens_dir("image") / "parameter_names_vit_s16.json"));
  const models::ImageClassifier model(models::load_config({"vit_s16_imagenet_seqpe"}, {}));
  std::map<std::string, std::vector<std::string>> exempt;
  std::map<std::string, std::size_t> count;
  for (const nn::Parameter& parameter : model.parameters()) {
    const bool encoder = parameter.group == "encoder";
    const char* part = encoder ? "encoder" : "model";
    const std::string name = encoder ? parameter.name.substr(8) : parameter.name;
    ASSERT_TRUE(file.at(part).contains(name)) << part << " " << name;
    EXPECT_EQ(file.at(part).at(name).get<std::vector<std::int64_t>>(), parameter.value.shape())
        << name;
    ++count[part];
    if (!parameter.decay) exempt[part].push_back(name);
  }
  for (const char* part : {"model", "encoder"}) {
    EXPECT_EQ(count[part], file.at(part).size()) << part;
    auto expected = file.at("no_weight_decay_by_rule").at(part).get<std::vector<std::string>>();
    std::sort(expected.begin(), expected.end());
    std::sort(exempt[part].begin(), exempt[part].end());
    EXPECT_EQ(exempt[part], expected) << part;
  }
}

}  // namespace
}  // namespace seqpe
