#include "engine/autograd/backward.h"
#include "engine/autograd/node.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

struct Case {
  Case(const test::Golden& file, const test::Where& where)
      : golden(file),
        dtype(where.dtype),
        model(test::golden_model(file, test::model_config(file.config), where)),
        mask(Tensor::empty(file.file.tensor("in.attention_mask").shape(), DType::u8)) {
    const auto stored = golden.integers("in.attention_mask");
    std::copy(stored.begin(), stored.end(), mask.data_as<std::uint8_t>());
  }
  const models::Gpt& gpt() const { return model->gpt(); }

  const test::Golden& golden;
  DType dtype;
  std::unique_ptr<models::LanguageModel> model;
  Tensor mask;
};

/// Logits of padded query rows mean nothing: they are set to what the file holds.
Tensor without_padding(const Tensor& logits, const Tensor& golden, const Tensor& mask) {
  const Tensor ours = logits.to(Device::cpu).to(DType::f64).clone();
  const std::int64_t vocab = ours.dim(-1);
  for (std::int64_t row = 0; row < mask.numel(); ++row) {
    if (mask.data_as<std::uint8_t>()[row] != 0) continue;
    std::copy_n(golden.data_as<double>() + row * vocab, vocab,
                ours.data_as<double>() + row * vocab);
  }
  return ours;
}

void check_blocks(const Case& test_case, const std::string& prefix,
                  const std::vector<std::int64_t>& starts) {
  const test::Golden& golden = test_case.golden;
  const Tensor ids = golden.file.tensor("in.input_ids"), labels = golden.file.tensor("in.labels");
  for (const auto& parameter : test_case.model->parameters()) parameter.value.clear_grad();
  const Tensor pe = test_case.gpt().position().embed(starts, ids.dim(1), {});
  if (golden.has(prefix + "out.position_embeddings")) {
    EXPECT_LE(test::relative_error(pe, golden.file.tensor(prefix + "out.position_embeddings")),
              test::output_bound(test_case.dtype));
  }
  const Tensor hidden = test_case.gpt().forward(ids, pe, test_case.mask, {});
  const Tensor expected = golden.file.tensor(prefix + "out.logits");
  EXPECT_LE(
      test::relative_error(
          without_padding(test_case.gpt().logits(hidden), expected, test_case.mask), expected),
      test::output_bound(test_case.dtype));
  const auto result = test_case.gpt().loss(hidden, labels);
  EXPECT_LE(test::relative_error(result.loss, golden.file.tensor(prefix + "out.loss")),
            test::output_bound(test_case.dtype));
  autograd::backward(result.loss);
  test::expect_gradients(golden, prefix + "grad.", test_case.model->parameters(),
                         test::gradient_bound(test_case.dtype));
}

void check_long(const Case& test_case) {
  const test::Golden& golden = test_case.golden;
  const autograd::NoGradGuard no_grad;
  const Tensor ids = golden.file.tensor("in.long_input_ids");
  const Tensor pe = test_case.gpt().position().embed({0}, ids.dim(1), {});
  if (golden.has("out.long_position_embeddings")) {
    EXPECT_LE(test::relative_error(pe, golden.file.tensor("out.long_position_embeddings")),
              test::output_bound(test_case.dtype));
  }
  EXPECT_LE(test::relative_error(test_case.gpt().logits(test_case.gpt().forward(ids, pe, {}, {})),
                                 golden.file.tensor("out.long_logits")),
            test::output_bound(test_case.dtype));
}

TEST(GoldenGpt, MatchesTheReference) {
  int checked = 0;
  for (const auto& path : test::golden_files("text", "gpt_")) {
    const test::Golden golden(path);
    if (test::is_missing(golden.config)) continue;
    for (const test::Where& where : test::everywhere()) {
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      const Case test_case(golden, where);
      check_blocks(test_case, "", {0});
      check_long(test_case);
      if (!golden.has("shifted.out.logits")) continue;
      check_blocks(test_case, "shifted.",
                   golden.config.at("shift_starts").get<std::vector<std::int64_t>>());
    }
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

}  // namespace
}  // namespace seqpe
