#include "models/seqpe/losses.h"
#include "engine/autograd/backward.h"
#include "engine/ops/rows.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

const std::vector<std::string> kRooms{"text", "image"};

Tensor leaf(const test::Golden& golden, const std::string& name, const test::Where& where) {
  Tensor tensor = golden.tensor(name, where.dtype).to(where.device);
  tensor.set_requires_grad();
  return tensor;
}

TEST(GoldenLosses, Contrastive) {
  for (const auto& path : test::golden_files(kRooms, "contrastive_")) {
    for (const test::Where& where : test::everywhere()) {
      const DType dtype = where.dtype;
      SCOPED_TRACE(test::name_in_room(path) + " " + where.name());
      const test::Golden golden(path);
      const auto& config = golden.config.at("contrastive");
      const Tensor pivots = leaf(golden, "in.pivots", where),
                   candidates = leaf(golden, "in.candidates", where);
      const std::int64_t slices =
          config.at("per_head").get<bool>() ? config.at("heads").get<std::int64_t>() : 1;
      const Tensor loss = models::contrastive_loss(
          pivots, candidates, models::repeated_labels(golden.integers("in.labels"), slices),
          config.at("logit_scale"), config.at("label_smoothing"));
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
  for (const auto& path : test::golden_files(kRooms, "transfer_")) {
    for (const test::Where& where : test::everywhere()) {
      const DType dtype = where.dtype;
      SCOPED_TRACE(test::name_in_room(path) + " " + where.name());
      const test::Golden golden(path);
      const auto& config = golden.config.at("transfer");
      const models::TransferOptions options = test::transfer_options(config);
      const Tensor main = leaf(golden, "in.main", where),
                   transfer = leaf(golden, "in.transfer", where);
      const std::int64_t blocks = main.dim(0), length = main.dim(1), width = main.dim(2);
      const Tensor first_block = ops::slice_rows(main.view({blocks * length, width}), 0, length);
      const Tensor loss = models::transfer_loss(
          first_block, transfer, golden.file.tensor("in.indices"), config.at("heads"), options);
      EXPECT_LE(test::relative_error(loss, golden.file.tensor("out.loss")),
                test::output_bound(dtype));
      autograd::backward(loss);
      EXPECT_LE(test::relative_error(transfer.grad(), golden.file.tensor("grad_in.transfer")),
                test::gradient_bound(dtype));
      if (!main.grad().defined()) {
        EXPECT_EQ(options.beta, 1.0) << "only then the teacher is detached throughout";
      } else {
        EXPECT_LE(test::relative_error(main.grad(), golden.file.tensor("grad_in.main")),
                  test::gradient_bound(dtype));
      }
    }
  }
}

}  // namespace
}  // namespace seqpe
