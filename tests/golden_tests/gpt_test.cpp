#include "engine/autograd/backward.h"
#include "engine/autograd/node.h"
#include "models/positions/registry.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

/// Position embeddings as the reference tells them. Its ALiBi are the slopes times the positions,
/// which are ours in parts.
Tensor as_in_reference(const Tensor& pe, const std::string& kind, std::int64_t heads) {
  if (kind != "alibi") return pe;
  const Tensor exact = pe.to(Device::cpu).to(DType::f64),
               out = Tensor::zeros({pe.dim(0), pe.dim(1), heads}, DType::f64);
  const std::int64_t parts = pe.dim(2) / 2 / heads;
  for (std::int64_t row = 0; row < pe.dim(0) * pe.dim(1); ++row) {
    for (std::int64_t i = 0; i < heads * parts; ++i) {
      out.data_as<double>()[row * heads + i / parts] +=
          exact.data_as<double>()[(row * 2 + 1) * heads * parts + i];
    }
  }
  return out;
}

struct Case {
  Case(const std::filesystem::path& path, const test::Where& where)
      : golden(path), dtype(where.dtype) {
    const auto& config = golden.config.at("model");
    const models::GptOptions options = test::gpt_options(config, dtype);
    kind = config.at("position");
    std::unique_ptr<models::PositionEncoding> position;
    if (kind == "seqpe") {
      auto seqpe = std::make_unique<models::SeqpePosition>(
          test::seqpe_options(golden.config.at("seqpe")),
          models::SeqpePosition::Model{.layers = options.layers,
                                       .width = options.width,
                                       .heads = options.heads,
                                       .dtype = dtype});
      encoder = &seqpe->encoder();
      position = std::move(seqpe);
    } else {
      position = models::position_kind(kind).make(
          {.layers = options.layers,
           .width = options.width,
           .heads = options.heads,
           .trained = {config.at("train_length").get<std::int64_t>()},
           .dtype = dtype,
           .rotary_base = config.value("rotary_base", config.value("sinusoidal_base", 10000.0)),
           .seqpe = {}});
    }
    gpt = std::make_unique<models::Gpt>(options, std::move(position));
    test::load_parameters(golden, parameters(), dtype);
    gpt->move_to(where.device);
    if (encoder != nullptr) encoder->move_to(where.device);
    mask = Tensor::empty(golden.file.tensor("in.attention_mask").shape(), DType::u8);
    const auto stored = golden.integers("in.attention_mask");
    std::copy(stored.begin(), stored.end(), mask.data_as<std::uint8_t>());
  }

  Tensor in_reference(const Tensor& pe) const {
    return as_in_reference(pe, kind, gpt->options().heads);
  }

  std::vector<nn::Parameter> parameters() const {
    auto all = gpt->parameters();
    if (encoder != nullptr) {
      for (const auto& parameter : encoder->parameters()) all.push_back(parameter);
    }
    return all;
  }

  test::Golden golden;
  DType dtype;
  std::string kind;
  std::unique_ptr<models::Gpt> gpt;
  const models::SeqpeEncoder* encoder = nullptr;
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
  for (const auto& parameter : test_case.parameters()) parameter.value.clear_grad();
  const Tensor pe = test_case.gpt->position().embed(models::line(ids.dim(1), starts), {});
  if (golden.has(prefix + "out.position_embeddings")) {
    EXPECT_LE(test::relative_error(test_case.in_reference(pe),
                                   golden.file.tensor(prefix + "out.position_embeddings")),
              test::output_bound(test_case.dtype));
  }
  const Tensor hidden = test_case.gpt->forward(ids, pe, test_case.mask, {});
  const Tensor expected = golden.file.tensor(prefix + "out.logits");
  EXPECT_LE(test::relative_error(
                without_padding(test_case.gpt->logits(hidden), expected, test_case.mask), expected),
            test::output_bound(test_case.dtype));
  const auto result = test_case.gpt->loss(hidden, labels);
  EXPECT_LE(test::relative_error(result.loss, golden.file.tensor(prefix + "out.loss")),
            test::output_bound(test_case.dtype));
  autograd::backward(result.loss);
  test::expect_gradients(golden, prefix + "grad.", test_case.parameters(),
                         test::gradient_bound(test_case.dtype));
}

void check_long(const Case& test_case) {
  const test::Golden& golden = test_case.golden;
  const autograd::NoGradGuard no_grad;
  const Tensor ids = golden.file.tensor("in.long_input_ids");
  const Tensor pe = test_case.gpt->position().embed(models::line(ids.dim(1)), {});
  if (golden.has("out.long_position_embeddings")) {
    EXPECT_LE(test::relative_error(test_case.in_reference(pe),
                                   golden.file.tensor("out.long_position_embeddings")),
              test::output_bound(test_case.dtype));
  }
  EXPECT_LE(test::relative_error(test_case.gpt->logits(test_case.gpt->forward(ids, pe, {}, {})),
                                 golden.file.tensor("out.long_logits")),
            test::output_bound(test_case.dtype));
}

TEST(GoldenGpt, MatchesTheReference) {
  int checked = 0;
  for (const auto& path : test::golden_files("text", "gpt_")) {
    const std::string name = path.filename().string();
    for (const test::Where& where : test::everywhere()) {
      SCOPED_TRACE(name + " " + where.name());
      const Case test_case(path, where);
      check_blocks(test_case, "", {0});
      check_long(test_case);
      if (!test_case.golden.has("shifted.out.logits")) continue;
      check_blocks(test_case, "shifted.",
                   test_case.golden.config.at("shift_starts").get<std::vector<std::int64_t>>());
    }
    ++checked;
  }
  EXPECT_GE(checked, 6);
}

}  // namespace
}  // namespace seqpe
