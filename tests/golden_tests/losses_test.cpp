#include "models/seqpe/losses.h"
#include "engine/autograd/backward.h"
#include "tests/golden_support.h"

namespace seqpe {
namespace {

Tensor leaf(const test::Golden& golden, const std::string& name, const test::Where& where) {
  Tensor tensor = golden.tensor(name, where.dtype).to(where.device);
  tensor.set_requires_grad();
  return tensor;
}

TEST(GoldenLosses, Contrastive) {
  for (const auto& path : test::golden_files("text", "contrastive_")) {
    for (const test::Where& where : test::everywhere()) {
      const DType dtype = where.dtype;
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      const test::Golden golden(path);
      const auto& config = golden.config.at("contrastive");
      const Tensor pivots = leaf(golden, "in.pivots", where),
                   candidates = leaf(golden, "in.candidates", where);
      const Tensor loss = models::contrastive_loss(
          pivots, candidates, golden.file.tensor("in.labels"), config.at("heads"),
          config.at("per_head"), config.at("logit_scale"));
      EXPECT_LE(test::relative_error(loss, golden.file.tensor("out.loss")),
                test::output_bound(dtype));
      autograd::backward(loss);
      EXPECT_LE(test::relative_error(pivots.grad(), golden.file.tensor("grad_in.pivots")),
                test::gradient_bound(dtype));
      EXPECT_LE(test::relative_error(candidates.grad(), golden.file.tensor("grad_in.candidates")),
                test::gradient_bound(dtype));
    }
  }
}

TEST(GoldenLosses, Transfer) {
  for (const auto& path : test::golden_files("text", "transfer_")) {
    for (const test::Where& where : test::everywhere()) {
      const DType dtype = where.dtype;
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      const test::Golden golden(path);
      const auto& config = golden.config.at("transfer");
      models::TransferOptions options;
      options.per_head = config.at("per_head");
      options.logit_scale = config.at("logit_scale");
      options.beta = config.at("beta");
      options.metric = config.at("metric") == "mse" ? models::TransferMetric::mse
                                                    : models::TransferMetric::kl_div;
      const Tensor main = leaf(golden, "in.main", where),
                   transfer = leaf(golden, "in.transfer", where);
      const Tensor first_block = main.view({main.dim(1), main.dim(2)});
      const Tensor loss = models::transfer_loss(
          first_block, transfer, golden.file.tensor("in.indices"), config.at("heads"), options);
      EXPECT_LE(test::relative_error(loss, golden.file.tensor("out.loss")),
                test::output_bound(dtype));
      autograd::backward(loss);
      EXPECT_LE(test::relative_error(transfer.grad(), golden.file.tensor("grad_in.transfer")),
                test::gradient_bound(dtype));
      if (options.beta == 1.0) {
        EXPECT_FALSE(main.grad().defined()) << "the teacher is detached";
      } else {
        EXPECT_LE(test::relative_error(main.grad(), golden.file.tensor("grad_in.main")),
                  test::gradient_bound(dtype));
      }
    }
  }
}

}  // namespace
}  // namespace seqpe
