// The sums of a deterministic step: a binary tree over all shards, the same bits on any number of
// ranks.
#include "engine/train/shard_tree.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/ops/elementwise.h"
#include "kernels/common/philox.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/thread_ranks.h"

namespace seqpe::train {
namespace {

constexpr std::int64_t kBatch = 16, kShards = 8;

/// Numbers of very different size, so that every order of adding them up rounds differently.
float gradient_of(std::int64_t shard) {
  const auto word = static_cast<float>(philox_word({.seed = 1}, static_cast<std::uint64_t>(shard)));
  return word * static_cast<float>(std::pow(10.0, static_cast<double>(shard * 3 % 5)));
}

struct Sums {
  std::vector<float> weight, shared, loss;
  bool operator==(const Sums&) const = default;
};

/// Shard s has the loss g(s) weight[0] + 2 g(s) shared[0], both tensors being 1.
Sums sums_of(dist::ProcessGroup& ranks) {
  const dist::DistConfig dist{.deterministic = true, .shards = kShards, .bucket_mb = 1e-5};
  TrainConfig config;
  config.batch_size = kBatch;
  Tensor weight = Tensor::full({1}, 1.0), shared = Tensor::full({1}, 1.0);
  weight.set_requires_grad();
  shared.set_requires_grad();
  const auto groups = optim::make_groups({{"w", weight, "model"}});
  ShardTree tree(share_of_rank(config, dist, ranks.rank(), ranks.size()), groups, ranks, dist);
  const Tensor loss = tree.run(shared, [&](const Rows& rows) {
    EXPECT_EQ(rows.end - rows.begin, kBatch / kShards);
    EXPECT_EQ(rows.first, tree.share().begin + rows.begin);
    const double g = gradient_of(rows.first / (kBatch / kShards));
    return ops::add(ops::scale(weight, g), ops::scale(shared, 2 * g));
  });
  return {test::elements<float>(groups[0].gradient()), test::elements<float>(shared.grad()),
          test::elements<float>(loss)};
}

TEST(ShardTree, AnyNumberOfRanksGivesTheBitsOfTheTree) {
  std::vector<float> tree;
  for (std::int64_t shard = 0; shard < kShards; ++shard) tree.push_back(gradient_of(shard));
  float in_order = 0;
  for (const float gradient : tree) in_order += gradient;
  for (std::size_t distance = 1; distance < tree.size(); distance *= 2) {
    for (std::size_t i = 0; i < tree.size(); i += 2 * distance) tree[i] += tree[i + distance];
  }
  ASSERT_NE(tree[0], in_order) << "the order must count";
  const Sums alone = sums_of(dist::single_process());
  EXPECT_EQ(alone.weight, std::vector<float>{tree[0]});
  EXPECT_EQ(alone.shared, std::vector<float>{2 * tree[0]});
  for (const int size : {2, 4, 8}) {
    SCOPED_TRACE(size);
    test::as_ranks(size, [&](dist::ProcessGroup& ranks) { EXPECT_EQ(sums_of(ranks), alone); });
  }
}

TEST(ShardTree, AParameterThatAShardDoesNotReachHasGradientZero) {
  const dist::DistConfig dist{.deterministic = true, .shards = 2};
  TrainConfig config;
  config.batch_size = 2;
  Tensor weight = Tensor::full({1}, 1.0), other = Tensor::full({1}, 1.0);
  weight.set_requires_grad();
  other.set_requires_grad();
  const auto groups = optim::make_groups({{"w", weight, "model"}, {"o", other, "model"}});
  ShardTree tree(share_of_rank(config, dist, 0, 1), groups, dist::single_process(), dist);
  tree.run({}, [&](const Rows& rows) { return ops::scale(rows.first == 0 ? other : weight, 3); });
  EXPECT_EQ(test::elements<float>(groups[0].gradient()), (std::vector<float>{3, 3}));
}

}  // namespace
}  // namespace seqpe::train
