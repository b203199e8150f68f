#include "models/seqpe/losses.h"

#include "engine/autograd/backward.h"
#include "engine/ops/rows.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

Tensor leaf(const test::Golden& golden, const std::string& name, const test::Where& where) {
  Tensor tensor = golden.tensor(name, where.dtype).to(where.device);
  tensor.set_requires_grad();
  return tensor;
}

/// Compares every `grad_in.*` of the file with the gradients of its inputs. One that no backward
/// reached is zero.
void expect_input_gradients(const test::Golden& golden, const std::map<std::string, Tensor>& inputs,
                            double bound) {
  std::size_t compared = 0;
  for (const auto& entry : golden.file.entries()) {
    if (!entry.name.starts_with("grad_in.")) continue;
    const auto found = inputs.find(entry.name.substr(8));
    ASSERT_NE(found, inputs.end()) << "no input has " << entry.name;
    const Tensor& input = found->second;
    const Tensor gradient = input.grad().defined() ? input.grad() : Tensor::full(input.shape(), 0);
    EXPECT_LE(test::relative_error(gradient, golden.file.tensor(entry.name)), bound) << entry.name;
    ++compared;
  }
  EXPECT_EQ(compared, inputs.size());
}

TEST(GoldenLosses, Contrastive) {
  for (const auto& path : test::golden_files("text", "contrastive_")) {
    for (const test::Where& where : test::everywhere()) {
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      const test::Golden golden(path);
      const auto& config = golden.config.at("contrastive");
      const Tensor pivots = leaf(golden, "in.pivots", where),
                   candidates = leaf(golden, "in.candidates", where);
      const Tensor loss =
          test::contrastive_loss(config, pivots, candidates, golden.file.tensor("in.labels"));
      EXPECT_LE(test::relative_error(loss, golden.file.tensor("out.loss")),
                test::output_bound(where.dtype));
      autograd::backward(loss);
      expect_input_gradients(golden, {{"pivots", pivots}, {"candidates", candidates}},
                             test::gradient_bound(where.dtype));
    }
  }
}

TEST(GoldenLosses, Transfer) {
  for (const auto& path : test::golden_files("text", "transfer_")) {
    for (const test::Where& where : test::everywhere()) {
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      const test::Golden golden(path);
      const auto& config = golden.config.at("transfer");
      const models::TransferOptions options = test::transfer_options(config);
      const Tensor main = leaf(golden, "in.main", where),
                   transfer = leaf(golden, "in.transfer", where);
      const Tensor rows = main.view({main.dim(0) * main.dim(1), main.dim(2)});
      const Tensor loss =
          models::transfer_loss(ops::slice_rows(rows, 0, main.dim(1)), transfer,
                                golden.file.tensor("in.indices"), config.at("heads"), options);
      EXPECT_LE(test::relative_error(loss, golden.file.tensor("out.loss")),
                test::output_bound(where.dtype));
      autograd::backward(loss);
      EXPECT_EQ(main.grad().defined(), options.beta < 1) << "with beta 1 the teacher is detached";
      expect_input_gradients(golden, {{"main", main}, {"transfer", transfer}},
                             test::gradient_bound(where.dtype));
    }
  }
}

}  // namespace
}  // namespace seqpe
