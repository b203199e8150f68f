#include "engine/optim/clipping.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/autograd/backward.h"
#include "engine/ops/elementwise.h"
#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::optim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A group of two numbers with the gradient (3 scale, 4 scale), whose norm is 5 scale; the other
/// group has the norm 13.
class ClippingTest : public testing::Test {
 protected:
  ClippingTest() {
    for (Tensor* value : {&a_, &b_}) value->set_requires_grad();
    groups_ = make_groups({{"a", a_, "model", true}, {"b", b_, "encoder", true}});
    clipping_.emplace(groups_);
    give(1.0);
  }
  void give(double scale) const {
    for (const auto& group : groups_) group.clear_gradients();
    autograd::backward(ops::scale(a_, scale), Tensor::from<double>({2}, {3, 4}));
    autograd::backward(ops::scale(b_, 1.0), Tensor::from<double>({2}, {5, 12}));
  }
  std::vector<double> factors(const std::vector<double>& limits, double loss = 1.0) {
    norms_ = test::elements<double>(clipping_->decide(limits, Tensor::full({1}, loss, DType::f64)));
    return {clipping_->factor(0).item(), clipping_->factor(1).item()};
  }

  Tensor a_ = Tensor::zeros({2}, DType::f64), b_ = Tensor::zeros({2}, DType::f64);
  std::vector<ParameterGroup> groups_;
  std::optional<Clipping> clipping_;
  std::vector<double> norms_;
};

TEST_F(ClippingTest, BringsTheNormOfAGroupToItsLimit) {
  const auto clipped = factors({0.5, 0.0});
  EXPECT_NEAR(clipped[0], 0.1, 1e-6);
  EXPECT_EQ(clipped[1], 1.0) << "0: no limit";
  EXPECT_NEAR(norms_[0], 5.0, 1e-14) << "before clipping";
  EXPECT_NEAR(norms_[1], 13.0, 1e-14);
  EXPECT_EQ(factors({5.1, 13.1}), (std::vector<double>{1.0, 1.0})) << "smaller ones stay";
  give(0.0);
  EXPECT_EQ(factors({0.5, 0.0}), (std::vector<double>{1.0, 1.0})) << "a norm of zero";
}

TEST_F(ClippingTest, WhatIsNotFiniteForbidsEveryUpdateFromThenOn) {
  for (const double loss : {std::nan(""), kInfinity, -kInfinity}) {
    clipping_.emplace(groups_);
    EXPECT_EQ(factors({1.0, 1.0})[1], 1.0 / (13.0 + 1e-6));
    for (const double now : {loss, 1.0}) {
      for (const double factor : factors({1.0, 1.0}, now)) EXPECT_TRUE(std::isnan(factor)) << now;
    }
  }
  for (const double scale : {std::nan(""), kInfinity}) {
    clipping_.emplace(groups_);
    for (const double now : {scale, 1.0}) {
      give(now);
      for (const double factor : factors({1.0, 1.0})) EXPECT_TRUE(std::isnan(factor)) << now;
    }
  }
}

TEST_F(ClippingTest, Errors) {
  test::expect_error([&] { factors({1.0}); }, "[optim] there must be 2 limits of norms, got 1.");
  const std::vector<ParameterGroup> none;
  test::expect_error([&] { Clipping{none}; },
                     "[optim] there must be 1 to 8 parameter groups, got 0.");
}

}  // namespace
}  // namespace seqpe::optim
