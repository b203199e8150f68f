#include "engine/data/epoch_order.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

TEST(EpochOrder, EveryEpochIsAPermutationOfItsOwn) {
  EpochOrder order(20, 7, "data.order");
  std::vector<std::vector<std::int64_t>> epochs;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<std::int64_t> items;
    for (std::int64_t i = 0; i < 20; ++i) items.push_back(order.at(epoch * 20 + i));
    epochs.push_back(items);
    std::sort(items.begin(), items.end());
    for (std::int64_t i = 0; i < 20; ++i) EXPECT_EQ(items[static_cast<std::size_t>(i)], i);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
}

TEST(EpochOrder, IsAFunctionOfSeedStreamAndPlace) {
  EpochOrder walked(50, 7, "a"), other_seed(50, 8, "a"), other_stream(50, 7, "b");
  std::int64_t same_seed = 0, same_stream = 0;
  std::vector<std::int64_t> items;
  for (std::int64_t n = 0; n < 200; ++n) {
    items.push_back(walked.at(n));
    same_seed += items.back() == other_seed.at(n);
    same_stream += items.back() == other_stream.at(n);
  }
  EXPECT_LT(same_seed, 50);
  EXPECT_LT(same_stream, 50);
  // Jumping there, forwards and backwards, equals walking.
  EpochOrder jumped(50, 7, "a");
  for (const std::int64_t n : {199, 3, 120, 0, 50, 49, 151}) {
    EXPECT_EQ(jumped.at(n), items[static_cast<std::size_t>(n)]) << n;
  }
}

TEST(EpochOrder, NeedsItems) {
  test::expect_error([] { EpochOrder(0, 1, "a"); },
                     "[epoch_order] needs at least one item, got 0.");
}

}  // namespace
}  // namespace seqpe::data
