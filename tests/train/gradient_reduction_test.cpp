// Buckets of gradients: which parameters they hold, and that they travel while backward goes on.
#include "engine/train/gradient_reduction.h"

#include <gtest/gtest.h>

#include "engine/autograd/backward.h"
#include "engine/ops/elementwise.h"
#include "tests/support/hosts.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::train {
namespace {

/// Rank 0 of two that keeps what it was asked for, and tells when: how many gradients were written.
class Recorder final : public test::Hosts {
 public:
  struct Event {
    std::vector<double> sent;  // the gradients as they were then
    std::size_t written;       // of the watched parameters, by then
  };
  explicit Recorder(std::vector<Tensor> watched) : Hosts(2), watched_(std::move(watched)) {}

  std::unique_ptr<dist::Pending> all_reduce(const Tensor& x, dist::Wire wire) override {
    std::size_t written = 0;
    for (const Tensor& tensor : watched_) written += tensor.grad().defined() ? 1 : 0;
    events.push_back({test::elements<double>(x), written});
    return Hosts::all_reduce(x, wire);
  }

  std::vector<Event> events;

 private:
  std::vector<Tensor> watched_;
};

/// y = c b a x, gradients completed in the order c, b, a.
class GradientReductionTest : public testing::Test {
 protected:
  GradientReductionTest() {
    for (const double value : {2.0, 3.0, 5.0}) {
      Tensor weight = Tensor::full({4}, value, DType::f64);
      weight.set_requires_grad();
      weights_.push_back(weight);
      parameters_.push_back({fmt::format("w{}", weights_.size()), weight, "model"});
    }
    groups_ = optim::make_groups(parameters_);
  }

  Tensor forward() const {
    Tensor x = Tensor::full({4}, 1.0, DType::f64);
    for (const Tensor& weight : weights_) x = ops::multiply(weight, x);
    return x;
  }
  static Tensor ones() { return Tensor::full({4}, 1.0, DType::f64); }
  void clear() const {
    for (const auto& group : groups_) group.clear_gradients();
  }
  static dist::DistConfig buckets_of(double bytes) { return {.bucket_mb = bytes / 1e6}; }

  std::vector<Tensor> weights_;
  std::vector<nn::Parameter> parameters_;
  std::vector<optim::ParameterGroup> groups_;
};

TEST_F(GradientReductionTest, ABucketTravelsWhileBackwardGoesOn) {
  Recorder ranks(weights_);
  GradientReduction reduction(groups_, ranks, buckets_of(32));  // one weight each
  ASSERT_EQ(reduction.count(), 3);
  clear();
  reduction.begin_step();
  reduction.arm();
  autograd::backward(forward(), ones());
  EXPECT_EQ(reduction.begun(), 3);
  reduction.finish();
  ASSERT_EQ(ranks.events.size(), 3u);
  // The last weight's gradient is 2 * 3, complete before the others are even begun.
  EXPECT_EQ(ranks.events[0].sent, std::vector<double>(4, 6.0));
  EXPECT_EQ(ranks.events[0].written, 1u);
  EXPECT_EQ(ranks.events[1].sent, std::vector<double>(4, 10.0));
  EXPECT_EQ(ranks.events[1].written, 2u);
  EXPECT_EQ(ranks.events[2].sent, std::vector<double>(4, 15.0));
}

// The first parameter, of a language model its tokens' table, is complete last: it has its own.
TEST_F(GradientReductionTest, BucketsHoldRunsOfParametersFromTheLastOn) {
  for (const auto& [bytes, sizes] : std::vector<std::pair<double, std::vector<std::size_t>>>{
           {1, {4, 4, 4}}, {63, {4, 4, 4}}, {64, {8, 4}}, {1e6, {8, 4}}}) {
    SCOPED_TRACE(bytes);
    Recorder ranks({});
    GradientReduction reduction(groups_, ranks, buckets_of(bytes));
    clear();
    reduction.begin_step();
    for (const auto& group : groups_) group.complete_gradients();
    reduction.finish();
    std::vector<std::size_t> found;
    for (const auto& event : ranks.events) found.push_back(event.sent.size());
    EXPECT_EQ(found, sizes);
  }
}

// Biases of all layers lie together behind the weights, and are complete with the first layer's.
TEST_F(GradientReductionTest, ParametersWithoutWeightDecayTravelLast) {
  std::vector<nn::Parameter> parameters = parameters_;
  parameters[1].decay = false;
  const auto groups = optim::make_groups(parameters);
  Recorder ranks({});
  GradientReduction reduction(groups, ranks, buckets_of(1e6));
  EXPECT_EQ(reduction.count(), 3);
  for (const auto& group : groups) group.clear_gradients();
  reduction.begin_step();
  reduction.arm();
  autograd::backward(forward(), ones());
  reduction.finish();
  ASSERT_EQ(ranks.events.size(), 3u);
  EXPECT_EQ(ranks.events[0].sent, std::vector<double>(4, 6.0));
  EXPECT_EQ(ranks.events[1].sent, std::vector<double>(4, 15.0));
  EXPECT_EQ(ranks.events[2].sent, std::vector<double>(4, 10.0));
}

TEST_F(GradientReductionTest, MicroBatchesBeforeTheLastSendNothing) {
  Recorder ranks(weights_);
  GradientReduction reduction(groups_, ranks, buckets_of(32));
  clear();
  reduction.begin_step();
  autograd::backward(forward(), ones());
  EXPECT_EQ(reduction.begun(), 0);
  reduction.arm();
  autograd::backward(forward(), ones());
  EXPECT_EQ(reduction.begun(), 3);
  EXPECT_EQ(ranks.events[0].sent, std::vector<double>(4, 12.0)) << "both added up";
}

// A weight that is used twice is complete after its first use; one that a later backward still adds
// to is not complete before that.
TEST_F(GradientReductionTest, AWeightWaitsForAllItsUses) {
  Recorder ranks(weights_);
  GradientReduction reduction(groups_, ranks, buckets_of(32));
  clear();
  reduction.begin_step();
  const Tensor used_again = ops::multiply(weights_[2], ones());
  reduction.arm();
  autograd::backward(forward(), ones());
  EXPECT_EQ(reduction.begun(), 0) << "the last weight comes first, and waits";
  autograd::backward(used_again, ones());
  EXPECT_EQ(reduction.begun(), 3);
  EXPECT_EQ(ranks.events[0].sent, std::vector<double>(4, 7.0));
}

TEST_F(GradientReductionTest, WhatNoBackwardReachedTravelsAtTheEnd) {
  Recorder ranks(weights_);
  GradientReduction reduction(groups_, ranks, buckets_of(32));
  for (int step = 0; step < 2; ++step) {
    clear();
    reduction.begin_step();
    const Tensor unused = ops::multiply(weights_[2], ones());  // recorded, then forgotten
    reduction.arm();
    autograd::backward(ops::multiply(weights_[0], ones()), ones());
    EXPECT_EQ(reduction.begun(), 0);
    for (const auto& group : groups_) group.complete_gradients();
    reduction.finish();
    EXPECT_EQ(ranks.events.size(), 3u * static_cast<std::size_t>(step + 1));
  }
  EXPECT_EQ(ranks.events[0].sent, std::vector<double>(4, 0.0));
  EXPECT_EQ(ranks.events[2].sent, std::vector<double>(4, 1.0));
}

}  // namespace
}  // namespace seqpe::train
