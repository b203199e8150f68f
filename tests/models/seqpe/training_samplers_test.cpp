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
  return {options, out_dim, {kLength}, kBatch, kSeed};
}

TEST(TrainingSamplers, EachDrawsWithTheOptionsOfItsOwn) {
  const SeqpeOptions options = small_options();
  TrainingSamplers samplers = make(options);
  const PositionSpace space(200);
  ShiftSampler shift(options.shift, space, {kLength}, kBatch, kSeed);
  ContrastiveSampler contrastive(options.contrastive, space, kSeed, 3);
  TransferSampler transfer(options.transfer, space, {kLength}, kSeed);
  for (std::int64_t step = 0; step < 20; ++step) {
    EXPECT_EQ(samplers.shift.starts(step), shift.starts(step));
    const ContrastiveSample ours = samplers.contrastive.value().sample(step),
                            theirs = contrastive.sample(step);
    EXPECT_EQ(ours.pivots, theirs.pivots);
    EXPECT_EQ(ours.candidates, theirs.candidates);
    EXPECT_EQ(ours.labels, theirs.labels);
    EXPECT_EQ(positions_of(samplers.transfer.value().sample(step), {kLength}),
              positions_of(transfer.sample(step), {kLength}));
  }
}

/// Runs that were begun by an earlier version resume with the draws that they would have had.
TEST(TrainingSamplers, TextDrawsWhatItAlwaysDrew) {
  using Integers = std::vector<std::int64_t>;
  SeqpeOptions options;
  options.shift = {.rate = 1.0, .pool = 8, .blocks = 2};
  options.contrastive = {.pivots = 3, .candidates = 6, .local_range = 9};
  options.transfer = {.starts = 2, .indices = 3};
  TrainingSamplers samplers = make(options);
  EXPECT_EQ(samplers.shift.starts(7), (Integers{19961, 10119}));
  const ContrastiveSample contrastive = samplers.contrastive.value().sample(7);
  EXPECT_EQ(contrastive.pivots, (Integers{15173, 1379, 17127}));
  EXPECT_EQ(contrastive.candidates,
            (Integers{4730, 19497, 2149, 10048, 17747, 15336, 2963, 2961, 2969, 2968, 2966, 2964,
                      18265, 18267, 18264, 18261, 18263, 18266}));
  EXPECT_EQ(contrastive.labels, (Integers{5, 1, 3}));
  const TransferSample transfer = samplers.transfer.value().sample(7);
  EXPECT_EQ(transfer.starts, (Integers{13188, 15596}));
  EXPECT_EQ(transfer.indices, (Integers{2, 8, 6, 6, 3, 12}));
}

TEST(TrainingSamplers, ImagesHaveASpaceAndAMixtureOfTheirOwn) {
  SeqpeOptions options = small_options();
  options.dimensions = 2;
  options.max_position = 200;  // 14 x 14 cells
  options.contrastive.pivots = 60;
  const Extent window{3, 5};
  TrainingSamplers samplers(options, kOutDim, window, kBatch, kSeed);
  const PositionSpace space(196, 2);
  ShiftSampler shift(options.shift, space, window, kBatch, kSeed);
  ContrastiveSampler contrastive(options.contrastive, space, kSeed, 3, kImageMixture);
  TransferSampler transfer(options.transfer, space, window, kSeed);
  for (std::int64_t step = 0; step < 20; ++step) {
    EXPECT_EQ(samplers.shift.starts(step), shift.starts(step));
    EXPECT_EQ(samplers.contrastive.value().sample(step).candidates,
              contrastive.sample(step).candidates);
    EXPECT_EQ(positions_of(samplers.transfer.value().sample(step), window),
              positions_of(transfer.sample(step), window));
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
