// Every planted fault is found, every sound kernel is left alone. Compiled twice: with the checker,
// which finds all of them, and without, where a fault must show as a report or as a wrong result
// under one of the test schedules (or is one that only the checker can see). In a build with the
// sanitizers those may end the program first.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <string>

#include "kernels/common/error.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/report.h"
#include "kernels/simt/schedule.h"
#include "tests/simt/faulty_kernels.h"
#include "tests/simt/warp_functions.h"
#include "tests/support/expect_error.h"

namespace seqpe::test {
namespace {

#ifdef SEQPE_SIMT_CHECKER
constexpr bool kWithChecker = true;
#else
constexpr bool kWithChecker = false;
#endif

#ifdef __SANITIZE_ADDRESS__
constexpr bool kWithSanitizers = true;
#else
constexpr bool kWithSanitizers = false;
#endif

/// Who finds a fault beside the checker; at_the_end: its message is the program's last.
enum class Seen { everywhere, with_sanitizers, with_checker, at_the_end };

struct Case {
  const char* name;
  float (*run)(Fault);
  float expected;
  Fault fault;
  const char* message;  // a part of the checker's report
  Seen seen;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

const Case kCases[] = {
    {"NoBarrierAfterWrite", sum_over_block, 65536, Fault::no_barrier_after_write,
     "race in shared memory", Seen::everywhere},
    {"NoBarrierBeforeReuse", sum_over_block, 65536, Fault::no_barrier_before_reuse,
     "race in shared memory", Seen::everywhere},
    {"SharedOutOfBounds", sum_over_block, 65536, Fault::shared_out_of_bounds,
     "outside every shared variable", Seen::everywhere},
    {"UnwrittenShared", sum_over_block, 65536, Fault::unwritten_shared, "before anybody wrote it",
     Seen::everywhere},
    {"DifferentBarriers", sum_over_block, 65536, Fault::different_barriers,
     "threads meet at different barriers", Seen::with_checker},
    {"GlobalOutOfBounds", copy_between_blocks, 1024, Fault::global_out_of_bounds,
     "which is no device memory", Seen::with_sanitizers},
    {"HostPointer", copy_between_blocks, 1024, Fault::host_pointer, "which is no device memory",
     Seen::with_checker},
    {"BlocksRace", copy_between_blocks, 1024, Fault::blocks_race, "race in global memory",
     Seen::everywhere},
    {"MisalignedPack", copy_between_blocks, 1024, Fault::misaligned_pack, "misaligned",
     Seen::everywhere},
    {"GlobalFarOutOfBounds", copy_between_blocks, 1024, Fault::global_far_out_of_bounds,
     "where no memory is", Seen::at_the_end},
    {"UnwrittenGlobal", copy_between_blocks, 1024, Fault::unwritten_global,
     "before anybody wrote them", Seen::everywhere},
    {"DivisionByZero", copy_between_blocks, 1024, Fault::division_by_zero,
     "integers divided by zero, or a quotient that overflows", Seen::at_the_end},
    {"StackOverflow", copy_between_blocks, 1024, Fault::stack_overflow, "overflows its stack",
     Seen::at_the_end},
    {"NoWaitForCopy", sum_of_tiles, 5120, Fault::no_wait_for_copy, "while a cp.async issued at",
     Seen::everywhere},
    {"TileOverwrittenWhileRead", sum_of_tiles, 5120, Fault::tile_overwritten_while_read,
     "race in shared memory", Seen::everywhere},
    {"CopyNeverWaitedFor", sum_of_tiles, 5120, Fault::copy_never_waited_for, "never waited for",
     Seen::everywhere},
    {"NoSyncwarp", reverse_lanes, 31, Fault::no_syncwarp, "race in shared memory",
     Seen::everywhere},
    {"BarrierInABranch", reverse_lanes, 31, Fault::barrier_in_a_branch,
     "deadlock in block (0, 0, 0)", Seen::everywhere},
    {"MaskWithoutCaller", reverse_lanes, 31, Fault::mask_without_caller, "which lacks it",
     Seen::everywhere},
    {"MaskWithEndedLanes", reverse_lanes, 31, Fault::mask_with_ended_lanes, "have ended",
     Seen::everywhere},
    {"ShuffleFromOutsideTheMask", reverse_lanes, 31, Fault::shuffle_from_outside_the_mask,
     "which mask", Seen::everywhere},
    {"MmaWithPartOfTheWarp", multiply_ones, 16, Fault::mma_with_part_of_the_warp, "have ended",
     Seen::everywhere},
};

class PlantedFault : public testing::TestWithParam<Case> {
 protected:
  ~PlantedFault() override { simt::set_schedule({}); }
};

TEST_P(PlantedFault, SoundFormIsLeftAlone) {
  for (const auto& schedule : simt::kTestSchedules) {
    simt::set_schedule(schedule);
    EXPECT_EQ(GetParam().run(Fault::none), GetParam().expected);
  }
}

/// What all schedules report of a fault, and "wrong result" for one.
std::string findings(const Case& c) {
  std::string all;
  for (const auto& schedule : simt::kTestSchedules) {
    simt::set_schedule(schedule);
    try {
      if (!(c.run(c.fault) == c.expected)) all += "wrong result";  // NaN is wrong
    } catch (const Error& error) {
      all += error.what();
    }
  }
  return all;
}

TEST_P(PlantedFault, IsFound) {
  const Case& c = GetParam();
  if (!kWithChecker &&
      (c.seen == Seen::with_checker || (c.seen == Seen::with_sanitizers && !kWithSanitizers)))
    GTEST_SKIP() << "only the checker sees it"
                 << (c.seen == Seen::with_sanitizers ? ", and the sanitizers" : "");
  if (kWithSanitizers || c.seen == Seen::at_the_end) {
    const std::string message =
        kWithSanitizers ? "wrong result|simt|ERROR: AddressSanitizer|runtime error" : c.message;
    EXPECT_EXIT(
        {
          const std::string all = findings(c);
          std::fputs(all.c_str(), stderr);
          std::exit(all.empty() ? 0 : 1);
        },
        [](int status) { return status != 0; }, message);
    return;
  }
  const std::string all = findings(c);
  if (kWithChecker) {
    EXPECT_NE(all.find(c.message), std::string::npos) << all;
  } else {
    EXPECT_NE(all, "");
  }
}

INSTANTIATE_TEST_SUITE_P(Simt, PlantedFault, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

/// What the emulator says of a kernel, threads in ascending order.
template <typename F>
std::string reports_of(const F& run) {
  simt::set_schedule({});
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no report";
}

void expect_match(const std::string& text, const std::string& pattern) {
  EXPECT_TRUE(std::regex_search(text, std::regex(pattern))) << text << "\nhas no\n" << pattern;
}

const std::string kLine = R"(tests/simt/faulty_kernels\.cu:\d+)";

TEST(SimtReport, ARaceNamesBothLines) {
  if (!kWithChecker) GTEST_SKIP() << "only the checker sees races";
  expect_match(reports_of(race_of_two_lines),
               R"(race in shared memory: .*warp_functions\.cu:\d+ and .*warp_functions\.cu:\d+)");
}

TEST(SimtReport, ADeadlockNamesAllWhoWait) {
  expect_match(reports_of([] { deadlock_of_warps(0x0f); }),
               R"(deadlock in block \(0, 0, 0\): 192 threads wait\n)"
               R"( *warps 0-3 lanes 0000ffff at a collective with mask ffffffff at )" +
                   kLine +
                   R"( \(lanes 0000ffff have come, ffff0000 have ended\)\n)"
                   R"( *warps 4-7 lanes 0000ffff at a collective with mask ffffffff at )" +
                   kLine +
                   R"( \(lanes 0000ffff have come, ffff0000 are elsewhere\)\n)"
                   R"( *warps 4-7 lanes ffff0000 at __syncthreads at )" +
                   kLine + "$");
}

TEST(SimtReport, ADeadlockListsWarpsThatDoNotFollowEachOther) {
  expect_match(reports_of([] { deadlock_of_warps(0x8b); }),
               R"(\n *warps 0-1, 3, 7 lanes 0000ffff at .*, ffff0000 have ended\)\n)"
               R"( *warps 2, 4-6 lanes 0000ffff at .*, ffff0000 are elsewhere\)\n)"
               R"( *warps 2, 4-6 lanes ffff0000 at __syncthreads at )" +
                   kLine + "$");
}

TEST(SimtReport, CountsTheThreadsOfEveryBlock) {
  expect_match(reports_of([] { reverse_lanes(Fault::shuffle_from_outside_the_mask, 3); }),
               R"(shuffles from lane 20, .* \(and 95 other threads\)$)");
}

TEST(SimtReport, AShuffleNamesTheLaneThatReads) {
  expect_match(reports_of([] { reverse_lanes(Fault::shuffle_from_outside_the_mask); }),
               R"(thread \(0, 0, 0\) of block \(0, 0, 0\) shuffles from lane 20, which mask )"
               R"(0000ffff lacks, at )" +
                   kLine + R"( \(and 31 other threads\)$)");
}

TEST(SimtReport, TellsHowManyAreNotShown) {
  for (int i = 0; i < 20; ++i) simt::report("fault {}", i);
  expect_match(reports_of([] { simt::throw_reports("kernel"); }),
               R"(^\[simt\] kernel: fault 0\n(.|\n)*fault 15\n *and 4 more$)");
}

// The sanitizers have words of their own.
#ifndef __SANITIZE_ADDRESS__
TEST(SimtLastWordsDeathTest, AFaultIsToldWithThreadAddressAndLine) {
  EXPECT_DEATH(copy_between_blocks(Fault::global_far_out_of_bounds),
               "copy: write at address 0x[0-9a-f]+, where no memory is\n"
               "  by thread .0, 0, 0. of block .0, 0, 0.\n"
               "  at .*tests/simt/faulty_kernels.cu:[0-9]+");
}
#endif

TEST(SimtWorkers, SeeALaunchsArguments) {
  ::setenv("SEQPE_SIMT_WORKERS", "3", 1);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(copy_between_blocks(Fault::none), 1024);
  ::unsetenv("SEQPE_SIMT_WORKERS");
}

TEST(SimtLastWords, RefuseATimeLimitThatIsNoNumber) {
  ::setenv("SEQPE_SIMT_SECONDS", "soon", 1);
  expect_match(reports_of([] { launch_empty(32, 1, 0); }),
               "SEQPE_SIMT_SECONDS must be an integer from 1 to 1000000, got 'soon'");
  ::unsetenv("SEQPE_SIMT_SECONDS");
}

TEST(SimtLastWordsDeathTest, ABlockThatNeverEndsIsTold) {
  EXPECT_DEATH(
      {
        ::setenv("SEQPE_SIMT_SECONDS", "1", 1);
        wait_for_another_thread();
      },
      "wait: a block still runs after 1 seconds .*by thread .0, 0, 0. of block .0, 0, 0.");
}

class Schedules : public testing::TestWithParam<simt::ScheduleOptions> {
 protected:
  Schedules() { simt::set_schedule(GetParam()); }
  ~Schedules() override { simt::set_schedule({}); }
};
INSTANTIATE_TEST_SUITE_P(Simt, Schedules, testing::ValuesIn(simt::kTestSchedules));

TEST_P(Schedules, ShufflesOfWholeWarps) {
  const std::vector<int> lanes = shuffled_lanes();
  ASSERT_EQ(lanes.size(), 32u * 4);
  for (int lane = 0; lane < 32; ++lane) {
    SCOPED_TRACE(lane);
    EXPECT_EQ(lanes[static_cast<std::size_t>(lane)], lane ^ 5);
    EXPECT_EQ(lanes[static_cast<std::size_t>(32 + lane)], lane + 3 < 32 ? lane + 3 : lane);
    EXPECT_EQ(lanes[static_cast<std::size_t>(64 + lane)], lane >= 3 ? lane - 3 : lane);
    EXPECT_EQ(lanes[static_cast<std::size_t>(96 + lane)], lane / 16 * 16 + 2);
  }
}

TEST_P(Schedules, PartialWarpsAndEarlyExits) {
  // 40 threads: the second warp has 8 lanes, of which 3 end before the barrier; ballots of what is
  // left.
  const std::vector<int> votes = votes_of_partial_warps();
  ASSERT_EQ(votes.size(), 40u);
  for (int thread = 0; thread < 40; ++thread) {
    SCOPED_TRACE(thread);
    const int expected = thread < 32 ? 0x55555555 : (thread < 37 ? 0x15 : -1);
    EXPECT_EQ(votes[static_cast<std::size_t>(thread)], expected);
  }
}

TEST_P(Schedules, BlocksOfThreeDimensions) {
  const std::vector<int> places = places_of_threads();
  ASSERT_EQ(places.size(), 2u * 3 * 2 * 4 * 3 * 2);
  for (std::size_t i = 0; i < places.size(); ++i) EXPECT_EQ(places[i], static_cast<int>(i));
}

TEST_P(Schedules, AtomicsOfManyBlocks) {
  EXPECT_EQ(counted_threads(), 7 * 96);
  EXPECT_EQ(counted_in_block(), 96);
}

TEST_P(Schedules, AMatrixProductOfFragments) {
  const std::vector<float> product = product_of_fragments();
  ASSERT_EQ(product.size(), 16u * 8);
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      float expected = 0.0f;
      for (int k = 0; k < 16; ++k)
        expected +=
            static_cast<float>((row + 2 * k) % 7) * static_cast<float>((3 * k + column) % 5);
      EXPECT_EQ(product[static_cast<std::size_t>(row * 8 + column)], expected)
          << row << ", " << column;
    }
  }
}

TEST(SimtLaunch, StaticAndDynamicSharedMemoryCountTogether) {
  constexpr std::size_t kMost = 166912, kStatic = 128;
  EXPECT_EQ(shared_after(kMost - kStatic), 31);
  expect_match(reports_of([] { shared_after(kMost - kStatic + 1); }),
               "a block has at most 166912 bytes of shared memory, asked 166913 at "
               "tests/simt/warp_functions.cu:[0-9]+");
}

// A launch asks CUDA for more than 48 KiB by its dynamic part, for it knows no other.
TEST(SimtLaunch, SharedMemoryThatALaunchDoesNotAskForHasALowerLimit) {
  constexpr std::size_t kUnasked = std::size_t{32} << 10;
  EXPECT_EQ(much_shared_after(kUnasked + 1), 31);
  expect_match(reports_of([] { much_shared_after(kUnasked); }),
               "a block has at most 49152 bytes of shared memory, asked 49280 at "
               "tests/simt/warp_functions.cu:[0-9]+");
}

TEST(SimtLaunch, RefusesWhatNoGpuCouldRun) {
  simt::check_launch({"empty", dim3(1), dim3(1, 1, 64)});
  test::expect_error(
      [] {
        simt::check_launch({"empty", dim3(1), dim3(1, 1, 65)});
      },
      "[empty] a block must have 1 to 1024 threads, at most 64 in z, got 1 x 1 x "
      "65.");
  for (const auto& [threads, blocks_y, shared, text] :
       {std::tuple{
            1025u, 1u, std::size_t{0},
            "[empty] a block must have 1 to 1024 threads, at most 64 in z, got 1025 x 1 x 1."},
        {0u, 1u, std::size_t{0},
         "a block must have 1 to 1024 threads, at most 64 in z, got 0 x 1 x 1."},
        {32u, 65536u, std::size_t{0},
         "a grid must have 1 to 2147483647 x 65535 x 65535 blocks, got 1 x 65536 x 1."},
        {32u, 1u, std::size_t{300000},
         "a block has at most 166912 bytes of shared memory, asked 300000."}}) {
    try {
      launch_empty(threads, blocks_y, shared);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace seqpe::test
