// Counts of kernels whose costs are told by hand.
#include "kernels/simt/cost_observer.h"

#include <gtest/gtest.h>

#include <numeric>

#include "kernels/simt/schedule.h"
#include "kernels/simt/source_line.h"
#include "tests/simt/counted_kernels.h"

namespace seqpe::test {
namespace {

double read_bytes(const simt::LaunchCost& cost) {
  return std::accumulate(
      cost.memory.begin(), cost.memory.end(), 0.0,
      [](double sum, const simt::MemoryUse& use) { return sum + use.read_bytes; });
}
double written_bytes(const simt::LaunchCost& cost) {
  return std::accumulate(
      cost.memory.begin(), cost.memory.end(), 0.0,
      [](double sum, const simt::MemoryUse& use) { return sum + use.written_bytes; });
}

TEST(CostObserver, NeighboursMoveWholeSectorsAndStridesWasteThem) {
  const simt::LaunchCost whole = copy_strided(1), wide = copy_strided(8);
  // 32768 floats in and out: 1024 requests of 4 sectors each way; 32 of 512 blocks are counted.
  EXPECT_EQ(whole.blocks, 512);
  EXPECT_EQ(whole.counted_blocks, 32);
  EXPECT_EQ(whole.threads, 64u);
  EXPECT_EQ(whole.total(false).requests, 2048);
  EXPECT_EQ(whole.total(false).units, 8192);
  EXPECT_EQ(whole.total(false).asked_bytes, 2 * 131072);
  EXPECT_EQ(read_bytes(whole), 131072);
  EXPECT_EQ(written_bytes(whole), 131072);
  // A float of each sector.
  EXPECT_EQ(wide.total(false).units, 32768 + 4096);
  EXPECT_EQ(wide.total(false).least_units, 8192);
  EXPECT_EQ(read_bytes(wide), 8 * 131072);
}

TEST(CostObserver, WhatEveryBlockReadsComesFromMemoryOnce) {
  const simt::LaunchCost cost = copy_repeated();
  EXPECT_EQ(cost.total(false).units, 8192);
  EXPECT_EQ(read_bytes(cost), 256);
  EXPECT_EQ(written_bytes(cost), 131072);
}

TEST(CostObserver, APackIsOneAccess) {
  EXPECT_EQ(copy_packs(true).total(false).requests, 8);
  EXPECT_EQ(copy_packs(true).total(false).units, 128);
  // One by one, each instruction of a warp touches 16 sectors for 64 bytes.
  EXPECT_EQ(copy_packs(false).total(false).requests, 64);
  EXPECT_EQ(copy_packs(false).total(false).units, 1024);
}

TEST(CostObserver, RowsThatAreNotPaddedMeetInOneBank) {
  const simt::SiteCost meeting = transpose(false).total(true), padded = transpose(true).total(true);
  EXPECT_EQ(meeting.degree, 32u);
  EXPECT_EQ(meeting.units, 32 + 32 * 32);
  EXPECT_EQ(meeting.least_units, 64);
  EXPECT_EQ(padded.degree, 1u);
  EXPECT_EQ(padded.units, 64);
  EXPECT_EQ(transpose(true).barriers, 1);
  EXPECT_EQ(transpose(true).shared_bytes, 32 * 33 * sizeof(float));
}

TEST(CostObserver, LanesThatSkipARoundAreBackInTheNext) {
  const simt::SiteCost shared = rounds_that_lanes_skip().total(true);
  EXPECT_EQ(shared.degree, 1u);
  // 33 + 8 writes first; 8 rounds of 2 x 4 reads and a write; the read of the result.
  EXPECT_EQ(shared.requests, 41 + 8 * 9 + 1);
}

TEST(CostObserver, CopiesMatricesAndProducts) {
  const simt::LaunchCost cost = multiply_fetched();
  EXPECT_EQ(cost.mma_flops, 2 * 4096);
  EXPECT_EQ(read_bytes(cost), 512);
  // cp.async writes 512 bytes and ldmatrix reads them, 4 wavefronts each.
  EXPECT_EQ(cost.total(true).requests, 2);
  EXPECT_EQ(cost.total(true).units, 8);
  EXPECT_EQ(cost.total(true).degree, 1u);
}

TEST(CostObserver, BytesReadAgainByHowLongAgo) {
  EXPECT_TRUE(read_repeatedly(1).read_again.empty());
  const simt::LaunchCost cost = read_repeatedly(3);
  EXPECT_EQ(read_bytes(cost), 65536);
  double again = 0, closest = 1e9;
  for (const auto& [distance, bytes] : cost.read_again) {
    again += bytes;
    closest = std::min(closest, static_cast<double>(distance));
  }
  EXPECT_EQ(again, 2 * 65536);
  EXPECT_GE(closest, 57344);  // 65536, rounded down
}

TEST(CostObserver, CountsDoNotDependOnTheSchedule) {
  for (const auto& schedule : simt::kTestSchedules) {
    simt::set_schedule(schedule);
    const simt::SiteCost rounds = rounds_that_lanes_skip().total(true);
    EXPECT_EQ(rounds.requests, 41 + 8 * 9 + 1);
    EXPECT_EQ(transpose(true).total(true).units, 64);
    EXPECT_EQ(copy_strided(8).total(false).units, 32768 + 4096);
  }
  simt::set_schedule({});
}

TEST(CostObserver, NamesKernelsAndLines) {
  const simt::LaunchCost cost = transpose(true);
  EXPECT_EQ(cost.name, "transpose");
  EXPECT_EQ(simt::function_name(cost.code), "test::transpose_kernel<33>");
  for (const simt::SiteCost& site : cost.sites)
    EXPECT_EQ(simt::source_line(site.site).rfind("tests/simt/counted_kernels.cu:", 0), 0u);
}

}  // namespace
}  // namespace seqpe::test
