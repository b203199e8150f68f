#include "models/tasks/image_classifier.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/tiny_image_classifier.h"

namespace seqpe::models {
namespace {

using Names = std::vector<std::string>;

/// The parameters of a group that do not decay though they are no vectors. No vector may decay, and
/// there must be matrices that do.
Names exempt_matrices(const ImageClassifier& model, const std::string& group) {
  Names exempt;
  int decayed = 0;
  for (const nn::Parameter& parameter : model.parameters()) {
    if (parameter.group != group) continue;
    if (parameter.value.rank() <= 1) {
      EXPECT_FALSE(parameter.decay) << parameter.name;
    } else if (!parameter.decay) {
      exempt.push_back(parameter.name);
    } else {
      ++decayed;
    }
  }
  EXPECT_GT(decayed, 3) << group;
  std::sort(exempt.begin(), exempt.end());
  return exempt;
}

TEST(ImageClassifierDecay, OfTheModelLeavesOutClassTokenAndTables) {
  const auto exempt = [](const std::string& position) {
    return exempt_matrices(test::tiny_image_classifier({"model.position=" + position}), "model");
  };
  EXPECT_EQ(exempt("none"), Names{"cls_token"});
  EXPECT_EQ(exempt("learned"), (Names{"cls_token", "pos_embed"}));
  EXPECT_EQ(exempt("seqpe"), (Names{"cls_token", "cls_token_pos_embed"}));
}

TEST(ImageClassifierDecay, OfTheEncoderLeavesOutItsTables) {
  EXPECT_EQ(exempt_matrices(test::tiny_image_classifier(), "encoder"),
            (Names{"encoder.cls_token_embed", "encoder.dim_token_embed",
                   "encoder.pos_of_seqpe_embed.weight", "encoder.token_of_seqpe_embed.weight"}));
}

}  // namespace
}  // namespace seqpe::models
