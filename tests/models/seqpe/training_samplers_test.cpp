#include "models/seqpe/training_samplers.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kOutDim = 12, kLength = 16, kBatch = 6;
constexpr std::uint64_t kSeed = 5;

SeqpeOptions small_options() {
  SeqpeOptions options;
  options.base = 3;
  options.max_position = 200;
  options.encoder.heads = 4;
  options.shift = {.rate = 1.0, .pool = 20, .blocks = 3};
  options.contrastive = {.pivots = 8, .candidates = 6, .local_range = 9};
  options.transfer = {.starts = 4, .indices = 5};
  return options;
}

TrainingSamplers make(const SeqpeOptions& options, std::int64_t out_dim = kOutDim) {
  return {options, out_dim, kLength, kBatch, kSeed};
}

TEST(TrainingSamplers, EachDrawsWithTheOptionsOfItsOwn) {
  const SeqpeOptions options = small_options();
  TrainingSamplers samplers = make(options);
  ShiftSampler shift(options.shift, 200, kLength, kBatch, kSeed);
  ContrastiveSampler contrastive(options.contrastive, 200, kSeed, 3);
  TransferSampler transfer(options.transfer, 200, kLength, kSeed);
  for (std::int64_t step = 0; step < 20; ++step) {
    EXPECT_EQ(samplers.shift.starts(step), shift.starts(step));
    const ContrastiveSample ours = samplers.contrastive.value().sample(step),
                            theirs = contrastive.sample(step);
    EXPECT_EQ(ours.pivots, theirs.pivots);
    EXPECT_EQ(ours.candidates, theirs.candidates);
    EXPECT_EQ(ours.labels, theirs.labels);
    EXPECT_EQ(positions_of(samplers.transfer.value().sample(step)),
              positions_of(transfer.sample(step)));
  }
}

TEST(TrainingSamplers, ALossWithoutWeightHasNone) {
  SeqpeOptions options = small_options();
  options.contrastive.weight = 0;
  EXPECT_FALSE(make(options).contrastive);
  EXPECT_TRUE(make(options).transfer);
  options.transfer.weight = 0;
  // What a sampler that nobody needs would refuse does no harm.
  options.transfer.indices = 1000;
  options.contrastive.candidates = 1000;
  EXPECT_FALSE(make(options).transfer);
  EXPECT_EQ(make(options).shift.starts(0).size(), 3u);
}

TEST(TrainingSamplers, HeadsMustDivideTheWidthOfALossByHead) {
  SeqpeOptions options = small_options();
  options.encoder.heads = 5;
  options.transfer.per_head = false;
  EXPECT_NO_THROW(make(options));
  options.contrastive.per_head = true;
  test::expect_error<ConfigError>([&] { make(options); },
                                  "[config] seqpe.contrastive.per_head needs seqpe.encoder.heads 5 "
                                  "to divide an embedding's width 12. Hint: "
                                  "seqpe.contrastive.per_head=false, or other heads.");
  EXPECT_NO_THROW(make(options, 15));
  options.contrastive.weight = 0;
  EXPECT_NO_THROW(make(options)) << "nobody cuts the embedding";
  options.transfer.per_head = true;
  test::expect_error<ConfigError>([&] { make(options); },
                                  "[config] seqpe.transfer.per_head needs seqpe.encoder.heads 5 to "
                                  "divide an embedding's width 12. Hint: "
                                  "seqpe.transfer.per_head=false, or other heads.");
}

TEST(TrainingSamplers, WhatASamplerRefusesIsRefused) {
  SeqpeOptions options = small_options();
  options.transfer.indices = 17;
  test::expect_error<ConfigError>(
      [&] { make(options); },
      "[seqpe] seqpe.transfer.indices must be at most data.block_size 16, got 17.");
}

}  // namespace
}  // namespace seqpe::models
