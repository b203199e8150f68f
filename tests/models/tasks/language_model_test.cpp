#include "models/tasks/language_model.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/tiny_language_model.h"

namespace seqpe::models {
namespace {

/// The names of the parameters of a group that weight decay acts on, and of those that it leaves.
std::pair<std::set<std::string>, std::set<std::string>> decay_of(
    const std::vector<std::string>& settings, const std::string& group) {
  std::set<std::string> decayed, exempt;
  const LanguageModel model = test::tiny_language_model(settings);
  for (const auto& parameter : model.parameters()) {
    if (parameter.group == group) (parameter.decay ? decayed : exempt).insert(parameter.name);
  }
  return {decayed, exempt};
}

TEST(LanguageModel, WeightDecayLeavesBiasesAndLayerNormsOfTheModel) {
  const auto [decayed, exempt] = decay_of({}, "model");
  EXPECT_EQ(decayed, (std::set<std::string>{
                         "transformer.wte.weight", "transformer.pe_qk.weight",
                         "transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_proj.weight",
                         "transformer.h.0.mlp.c_fc.weight", "transformer.h.0.mlp.c_proj.weight"}));
  EXPECT_EQ(exempt, (std::set<std::string>{
                        "transformer.pe_qk.bias", "transformer.h.0.ln_1.weight",
                        "transformer.h.0.ln_1.bias", "transformer.h.0.attn.c_attn.bias",
                        "transformer.h.0.attn.c_proj.bias", "transformer.h.0.ln_2.weight",
                        "transformer.h.0.ln_2.bias", "transformer.h.0.mlp.c_fc.bias",
                        "transformer.h.0.mlp.c_proj.bias", "transformer.ln_f.weight",
                        "transformer.ln_f.bias"}));
}

TEST(LanguageModel, WeightDecayActsOnALearnedTableAndProjectionsByLayer) {
  EXPECT_TRUE(
      decay_of({"model.position=learned"}, "model").first.contains("transformer.wpe.weight"));
  const auto [decayed, exempt] = decay_of({"seqpe.qk_projection=per_layer"}, "model");
  EXPECT_TRUE(decayed.contains("transformer.h.0.attn.pe_qk.weight"));
  EXPECT_TRUE(exempt.contains("transformer.h.0.attn.pe_qk.bias"));
}

TEST(LanguageModel, WeightDecayLeavesEmbeddingsAndLayerNormsOfTheEncoder) {
  const auto [decayed, exempt] = decay_of({}, "encoder");
  std::set<std::string> expected{"encoder.out_proj.weight", "encoder.out_proj.bias"};
  for (const char* layer : {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"}) {
    for (const char* part : {".weight", ".bias"})
      expected.insert(std::string("encoder.transformers.0.") + layer + part);
  }
  EXPECT_EQ(decayed, expected) << "the biases too";
  EXPECT_EQ(
      exempt,
      (std::set<std::string>{
          "encoder.cls_token_embed", "encoder.pos_of_seqpe_embed.weight",
          "encoder.token_of_seqpe_embed.weight", "encoder.transformers.0.layernorm_1.weight",
          "encoder.transformers.0.layernorm_1.bias", "encoder.transformers.0.layernorm_2.weight",
          "encoder.transformers.0.layernorm_2.bias", "encoder.layernorm.weight",
          "encoder.layernorm.bias"}));
}

}  // namespace
}  // namespace seqpe::models
