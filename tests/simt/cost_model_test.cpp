// The cost model by values computed by hand.
#include "kernels/simt/cost_model.h"

#include <gtest/gtest.h>

#include <functional>

namespace seqpe::simt {
namespace {

/// Lane l asks for `bytes` from address(l) on.
WarpRequest request(unsigned bytes, const std::function<std::uint64_t(unsigned)>& address,
                    std::uint32_t lanes = ~0u) {
  WarpRequest request;
  request.bytes = bytes;
  request.lanes = lanes;
  for (unsigned lane = 0; lane < 32; ++lane) request.addresses[lane] = address(lane);
  return request;
}

TEST(CostModel, SectorsAreWholeAndCountedOnce) {
  // 32 floats in a row: 128 bytes, 4 sectors; shifted by 4 bytes they touch 5.
  EXPECT_EQ(sectors_of(request(4, [](unsigned l) { return 4 * l; })).size(), 4u);
  EXPECT_EQ(sectors_of(request(4, [](unsigned l) { return 4 + 4 * l; })).size(), 5u);
  // A float of every 32 bytes: a sector each.
  EXPECT_EQ(sectors_of(request(4, [](unsigned l) { return 32 * l; })).size(), 32u);
  // 16 bytes a lane: 512 bytes.
  EXPECT_EQ(sectors_of(request(16, [](unsigned l) { return 16 * l; })).size(), 16u);
  // All lanes the same address; lanes that take no part.
  EXPECT_EQ(sectors_of(request(4, [](unsigned) { return 64; })), std::vector<std::uint64_t>{2});
  EXPECT_EQ(sectors_of(request(
                4, [](unsigned l) { return 32 * l; }, 0b101)),
            (std::vector<std::uint64_t>{0, 2}));
  // An access across the border of two sectors.
  EXPECT_EQ(sectors_of(request(
                           8, [](unsigned) { return 28; }, 1))
                .size(),
            2u);
}

TEST(CostModel, DistinctBytesCountOverlapsOnce) {
  EXPECT_EQ(distinct_bytes(request(4, [](unsigned l) { return 4 * l; })), 128u);
  EXPECT_EQ(distinct_bytes(request(4, [](unsigned) { return 8; })), 4u);
  EXPECT_EQ(distinct_bytes(request(4, [](unsigned l) { return 2 * l; })), 66u);
  EXPECT_EQ(distinct_bytes(request(2, [](unsigned l) { return 100 * (31 - l); })), 64u);
}

void expect_use(const BankUse& use, unsigned wavefronts, unsigned least, unsigned degree) {
  EXPECT_EQ(use.wavefronts, wavefronts);
  EXPECT_EQ(use.least, least);
  EXPECT_EQ(use.degree, degree);
}

TEST(CostModel, BanksAreFourBytesWide) {
  expect_use(bank_use(request(4, [](unsigned l) { return 4 * l; })), 1, 1, 1);
  expect_use(bank_use(request(4, [](unsigned) { return 4; })), 1, 1, 1);  // one word for all
  expect_use(bank_use(request(4, [](unsigned l) { return 8 * l; })), 2, 1, 2);
  expect_use(bank_use(request(4, [](unsigned l) { return 128 * l; })), 32, 1, 32);
  expect_use(bank_use(request(4, [](unsigned l) { return 132 * l; })), 1, 1, 1);  // padded
  // Two bf16 of each word: the lanes of a pair share it.
  expect_use(bank_use(request(2, [](unsigned l) { return 2 * l; })), 1, 1, 1);
}

TEST(CostModel, WideAccessesGoByHalfAndQuarterWarps) {
  expect_use(bank_use(request(8, [](unsigned l) { return 8 * l; })), 2, 2, 1);
  expect_use(bank_use(request(16, [](unsigned l) { return 16 * l; })), 4, 4, 1);
  // Rows of 128 bytes, as ldmatrix reads them from an unpadded tile of 64 bf16: all 8 of a quarter
  // begin in the same bank.
  expect_use(bank_use(request(16, [](unsigned l) { return 128 * l; })), 32, 4, 8);
  expect_use(bank_use(request(16, [](unsigned l) { return 144 * l; })), 4, 4, 1);  // padded
  // A quarter alone.
  expect_use(bank_use(request(
                 16, [](unsigned l) { return 16 * l; }, 0xff00)),
             1, 1, 1);
}

TEST(CostModel, ResidentBlocks) {
  const Gpu &a100 = kGpus[0], &h100 = kGpus[1];
  EXPECT_EQ(resident_blocks(a100, {256, 32, 0}), 8u);  // 2048 threads
  EXPECT_EQ(resident_blocks(a100, {32, 32, 0}), 32u);  // 32 blocks
  EXPECT_EQ(resident_blocks(a100, {256, 64, 0}), 4u);  // 64 * 32 = 2048 registers: 8 warps a file
  EXPECT_EQ(resident_blocks(a100, {128, 65, 0}), 7u);  // 72 * 32: 7 warps a file, 28 in all
  EXPECT_EQ(resident_blocks(a100, {1024, 128, 0}), 0u);
  // 163 KiB is the most of sm_80, 227 KiB of sm_90: with the system's 1 KiB one block.
  EXPECT_EQ(resident_blocks(a100, {128, 32, std::size_t{163} << 10}), 1u);
  EXPECT_EQ(resident_blocks(h100, {128, 32, std::size_t{227} << 10}), 1u);
  EXPECT_EQ(resident_blocks(a100, {128, 32, (std::size_t{163} << 10) + 1}), 0u);
  EXPECT_EQ(resident_blocks(a100, {128, 32, 40000}), 4u);  // 167936 / (40064 + 1024)
  EXPECT_EQ(resident_blocks(h100, {128, 32, 40000}), 5u);  // 233472 / 41088
  EXPECT_DOUBLE_EQ(occupancy(a100, {128, 65, 0}), 28.0 / 64.0);
}

TEST(CostModel, TheSlowestPartBounds) {
  const Gpu& a100 = kGpus[0];
  Work work;
  work.blocks = 1000;
  work.memory_bytes = 2.04e9;
  work.cache_bytes = 64 * 108 * 1.41e9 / 2000;
  work.wavefronts = 108 * 1.41e9 / 4000;
  work.mma_flops = 312e9 / 3;
  work.fma_flops = 2 * 64 * 108 * 1.41e9 / 5000;
  const Bounds all = bounds(a100, work);
  EXPECT_DOUBLE_EQ(all.memory, 1e-3);
  EXPECT_DOUBLE_EQ(all.cache, 1e-3 / 2);
  EXPECT_DOUBLE_EQ(all.shared, 1e-3 / 4);
  EXPECT_DOUBLE_EQ(all.tensor, 1e-3 / 3);
  EXPECT_DOUBLE_EQ(all.fma, 1e-3 / 5);
  EXPECT_DOUBLE_EQ(all.seconds(), 1e-3);
  EXPECT_STREQ(all.slowest(), "memory");
  // A block runs on one multiprocessor.
  work.blocks = 1;
  const Bounds alone = bounds(a100, work);
  EXPECT_DOUBLE_EQ(alone.memory, 1e-3);
  EXPECT_DOUBLE_EQ(alone.cache, 108e-3 / 2);
  EXPECT_STREQ(alone.slowest(), "cache");
  // mma.sync reaches a part of Hopper's peak.
  work = {.mma_flops = 989e9, .blocks = 132};
  EXPECT_DOUBLE_EQ(bounds(kGpus[1], work).seconds(), 1e-3 / 0.63);
}

TEST(CostModel, TheRooflineIsWhatMustBeDone) {
  EXPECT_DOUBLE_EQ(roofline_seconds(kGpus[2], 4.8e9, 0), 1e-3);
  EXPECT_DOUBLE_EQ(roofline_seconds(kGpus[2], 4.8e9, 2 * 989e9), 2e-3);
}

}  // namespace
}  // namespace seqpe::simt
