#include "engine/autograd/backward.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

void check_file(const std::filesystem::path& path, const test::Where& where) {
  const DType dtype = where.dtype;
  SCOPED_TRACE(path.filename().string() + " " + where.name());
  const test::Golden golden(path);
  const auto& config = golden.config.at("seqpe");
  models::SeqpeEncoder encoder(test::seqpe_options(config), config.at("out_dim"), dtype);
  encoder.set_name("encoder");
  test::load_parameters(golden, encoder.parameters(), dtype);
  encoder.move_to(where.device);
  const auto positions = golden.integers("in.positions");
  for (const bool plain : {true, false}) {
    SCOPED_TRACE(plain ? "plain" : "pruned");
    const Tensor out =
        plain ? encoder.forward_plain(positions, {}) : encoder.forward(positions, {});
    EXPECT_LE(test::relative_error(out, golden.file.tensor("out.embeddings")),
              test::output_bound(dtype));
    for (const auto& parameter : encoder.parameters()) parameter.value.clear_grad();
    autograd::backward(out, golden.tensor("in.probe", dtype).to(where.device));
    test::expect_gradients(golden, "grad.", encoder.parameters(), test::gradient_bound(dtype));
  }
}

TEST(GoldenEncoder, MatchesTheReference) {
  for (const auto& path : test::golden_files("text", "encoder_")) {
    for (const test::Where& where : test::everywhere()) check_file(path, where);
  }
}

TEST(GoldenEncoder, DigitsMatchTheReference) {
  for (const auto& path : test::golden_files("text", "encoder_")) {
    const test::Golden golden(path);
    const auto& config = golden.config.at("seqpe");
    const auto written =
        models::write_digits(golden.integers("in.positions"), config.at("dimensions"),
                             config.at("base"), config.at("max_digits"));
    EXPECT_EQ(written.digits, golden.integers("in.digits")) << path;
    const auto mask = golden.integers("in.pad_mask");
    EXPECT_TRUE(
        std::equal(written.pad_mask.begin(), written.pad_mask.end(), mask.begin(), mask.end()))
        << path;
  }
}

}  // namespace
}  // namespace seqpe
