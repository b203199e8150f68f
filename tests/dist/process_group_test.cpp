// The group of one process: nothing travels, everything is as it was.
#include "engine/dist/process_group.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/tensor_compare.h"

namespace seqpe::dist {
namespace {

TEST(SingleProcess, ChangesNothing) {
  ProcessGroup& alone = single_process();
  EXPECT_EQ(alone.size(), 1);
  EXPECT_TRUE(alone.is_first());
  const Tensor x = Tensor::full({3}, 2.5);
  alone.all_reduce(x)->wait();
  EXPECT_EQ(test::elements<float>(x), std::vector<float>(3, 2.5F));
  EXPECT_EQ(alone.gather("a"), std::vector<std::string>{"a"});
  EXPECT_EQ(alone.broadcast("a"), "a");
  EXPECT_TRUE(alone.any(true));
  EXPECT_FALSE(alone.any(false));
  std::vector<double> numbers{-0.0, 2.0};
  alone.sum(numbers);
  EXPECT_TRUE(std::signbit(numbers[0]));
  alone.barrier();
}

}  // namespace
}  // namespace seqpe::dist
