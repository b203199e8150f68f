#include "engine/autograd/backward.h"
#include "engine/ops/rows.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

const std::vector<std::string> kRooms{"text", "image"};

/// The tokens' states before the first block and behind each, which files of the room image hold.
/// Where padding is masked only CLS, the last token, means anything.
void check_streams(const test::Golden& golden, const std::vector<Tensor>& streams, bool cls_alone,
                   double bound) {
  if (!golden.has("out.input_embeddings")) return;
  ASSERT_FALSE(golden.has(fmt::format("out.block{}", streams.size() - 1)));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const std::string name = i == 0 ? "out.input_embeddings" : fmt::format("out.block{}", i - 1);
    Tensor ours = streams[i], stored = golden.file.tensor(name);
    if (cls_alone) {
      const std::int64_t cls = stored.dim(1) - 1;
      ours = ops::take_token(ours, cls);
      stored = ops::take_token(stored, cls);
    }
    EXPECT_LE(test::relative_error(ours, stored), bound) << name;
  }
}

void check_file(const std::filesystem::path& path, const test::Where& where) {
  const DType dtype = where.dtype;
  SCOPED_TRACE(test::name_in_room(path) + " " + where.name());
  const test::Golden golden(path);
  const auto& config = golden.config.at("seqpe");
  models::SeqpeEncoder encoder(test::seqpe_options(config), config.at("out_dim"), dtype);
  encoder.set_name("encoder");
  test::load_parameters(golden, encoder.parameters(), dtype);
  encoder.move_to(where.device);
  const auto positions = golden.integers("in.positions");
  for (const bool plain : {true, false}) {
    SCOPED_TRACE(plain ? "plain" : "pruned");
    std::vector<Tensor> streams;
    const Tensor out =
        plain ? encoder.forward_plain(positions, {}, &streams) : encoder.forward(positions, {});
    if (plain)
      check_streams(golden, streams, config.at("encoder").at("mask_padding"),
                    test::output_bound(dtype));
    EXPECT_LE(test::relative_error(out, golden.file.tensor("out.embeddings")),
              test::output_bound(dtype));
    for (const auto& parameter : encoder.parameters()) parameter.value.clear_grad();
    autograd::backward(out, golden.tensor("in.probe", dtype).to(where.device));
    test::expect_gradients(golden, "grad.", encoder.parameters(), test::gradient_bound(dtype));
  }
}

TEST(GoldenEncoder, MatchesTheReference) {
  for (const auto& path : test::golden_files(kRooms, "encoder_")) {
    for (const test::Where& where : test::everywhere()) check_file(path, where);
  }
}

TEST(GoldenEncoder, DigitsMatchTheReference) {
  for (const auto& path : test::golden_files(kRooms, "encoder_")) {
    const test::Golden golden(path);
    const auto& config = golden.config.at("seqpe");
    const auto written =
        models::write_digits(golden.integers("in.positions"), config.at("dimensions"),
                             config.at("base"), config.at("max_digits"));
    EXPECT_EQ(written.digits, golden.integers("in.digits")) << test::name_in_room(path);
    const auto mask = golden.integers("in.pad_mask");
    EXPECT_TRUE(
        std::equal(written.pad_mask.begin(), written.pad_mask.end(), mask.begin(), mask.end()))
        << test::name_in_room(path);
  }
}

}  // namespace
}  // namespace seqpe
