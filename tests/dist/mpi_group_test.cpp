// Collectives of the group for CPU tensors, between threads.
#include "engine/dist/mpi_group.h"

#include <gtest/gtest.h>

#include "engine/core/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/thread_ranks.h"

namespace seqpe::dist {
namespace {

float number(int rank, std::int64_t i) {
  return static_cast<float>(philox_word({.seed = 3, .step = static_cast<std::uint32_t>(rank)},
                                        static_cast<std::uint64_t>(i))) *
             0x1p-32F -
         0.5F;
}

Tensor numbers(int rank, std::int64_t count) {
  const Tensor out = Tensor::empty({count});
  for (std::int64_t i = 0; i < count; ++i) out.data_as<float>()[i] = number(rank, i);
  return out;
}

/// ((0 + 1) + (2 + 3)) + ...
template <typename T>
T tree(const std::vector<T>& values) {
  std::vector<T> sums = values;
  for (std::size_t distance = 1; distance < sums.size(); distance *= 2) {
    for (std::size_t i = 0; i + distance < sums.size(); i += 2 * distance)
      sums[i] += sums[i + distance];
  }
  return sums[0];
}

TEST(MpiGroup, AllReduceIsTheTreeSumBitForBitOnEveryRank) {
  for (const int size : {2, 3, 4, 5}) {
    for (const std::int64_t count : {1, 4, 17, 1000}) {
      SCOPED_TRACE(fmt::format("{} ranks, {} numbers", size, count));
      std::vector<float> expected;
      for (std::int64_t i = 0; i < count; ++i) {
        std::vector<float> each;
        for (int rank = 0; rank < size; ++rank) each.push_back(number(rank, i));
        expected.push_back(tree(each));
      }
      test::as_ranks(size, [&](ProcessGroup& ranks) {
        const Tensor x = numbers(ranks.rank(), count);
        ranks.all_reduce(x)->wait();
        EXPECT_EQ(test::elements<float>(x), expected);
      });
    }
  }
}

TEST(MpiGroup, AllReduceOfDoubles) {
  test::as_ranks(3, [&](ProcessGroup& ranks) {
    const Tensor x = Tensor::full({2, 2}, 1.0 + ranks.rank(), DType::f64);
    ranks.all_reduce(x)->wait();
    EXPECT_EQ(test::elements<double>(x), std::vector<double>(4, 6.0));
  });
}

// What travels is rounded twice to 8 bits: each addend, and the sum. Those few that no rank has a
// piece of are added up by all, as they are.
TEST(MpiGroup, OnTheWireOfBf16EveryRankHasTheSameRoundedSum) {
  constexpr std::int64_t kCount = 1001, kInPieces = 1000;
  std::vector<std::vector<float>> found(4);
  test::as_ranks(4, [&](ProcessGroup& ranks) {
    const Tensor x = numbers(ranks.rank(), kCount);
    ranks.all_reduce(x, Wire::bf16)->wait();
    found[static_cast<std::size_t>(ranks.rank())] = test::elements<float>(x);
  });
  for (std::int64_t i = 0; i < kCount; ++i) {
    const auto rounded = [&](float value) {
      return i < kInPieces ? static_cast<float>(bf16(value)) : value;
    };
    std::vector<float> addends;
    for (int rank = 0; rank < 4; ++rank) addends.push_back(rounded(number(rank, i)));
    const float sum = rounded(tree(addends));
    for (const auto& each : found) EXPECT_EQ(each[static_cast<std::size_t>(i)], sum) << i;
  }
}

TEST(MpiGroup, PiecesAreReducedAndGathered) {
  test::as_ranks(4, [&](ProcessGroup& ranks) {
    const Tensor x = numbers(ranks.rank(), 20);
    ranks.reduce_scatter(x)->wait();
    for (std::int64_t i = 5 * ranks.rank(); i < 5 * ranks.rank() + 5; ++i) {
      EXPECT_EQ(x.data_as<float>()[i],
                tree<float>({number(0, i), number(1, i), number(2, i), number(3, i)}));
    }
    ranks.all_gather(x)->wait();
    const Tensor whole = numbers(ranks.rank(), 20);
    ranks.all_reduce(whole)->wait();
    EXPECT_EQ(test::elements<float>(x), test::elements<float>(whole));
    test::expect_error([&] { ranks.all_gather(x.rows(0, 3))->wait(); },
                       "[dist] 4 ranks must divide what is cut into pieces, got [3].");
  });
}

TEST(MpiGroup, SeveralTravelAtOnceInOrder) {
  test::as_ranks(2, [&](ProcessGroup& ranks) {
    const Tensor a = numbers(ranks.rank(), 50'000), b = Tensor::full({3}, 1.0);
    const auto first = ranks.all_reduce(a), second = ranks.all_reduce(b);
    EXPECT_TRUE(ranks.any(ranks.rank() == 1)) << "the host's numbers come behind them";
    second->wait();
    first->wait();
    EXPECT_EQ(test::elements<float>(b), std::vector<float>(3, 2.0F));
    EXPECT_EQ(a.data_as<float>()[7], number(0, 7) + number(1, 7));
  });
}

TEST(MpiGroup, TextsAndNumbersOfTheHost) {
  test::as_ranks(3, [&](ProcessGroup& ranks) {
    const std::string mine(static_cast<std::size_t>(10 * ranks.rank()), 'x');
    EXPECT_EQ(ranks.gather(mine),
              (std::vector<std::string>{"", std::string(10, 'x'), std::string(20, 'x')}));
    EXPECT_EQ(ranks.broadcast(ranks.is_first() ? "of rank 0" : "another"), "of rank 0");
    std::vector<double> numbers{0.1 * ranks.rank(), 1.0};
    ranks.sum(numbers);
    EXPECT_EQ(numbers, (std::vector<double>{0.0 + 0.1 + 0.2, 3.0}));
    EXPECT_FALSE(ranks.any(false));
    ranks.barrier();
  });
}

TEST(MpiGroup, WaitsNoLongerThanTheTimeout) {
  test::expect_error_with<CommunicationError>(
      [] {
        test::as_ranks(
            2,
            [](ProcessGroup& ranks) {
              if (ranks.is_first()) ranks.all_reduce(Tensor::zeros({4}))->wait();
              std::this_thread::sleep_for(std::chrono::seconds(6));  // the other lives
            },
            2);
      },
      "did not end within 2 s (dist.timeout): another rank hangs, is far slower, or is gone.");
}

TEST(MpiGroup, ABarrierWaitsForARankThatIsLateAndAlive) {
  test::as_ranks(
      3,
      [](ProcessGroup& ranks) {
        if (ranks.is_first()) std::this_thread::sleep_for(std::chrono::seconds(5));
        ranks.barrier();
        ranks.leave();
      },
      2);
}

TEST(MpiGroup, ABarrierWaitsNoLongerThanTheTimeoutForARankThatStandsStill) {
  test::expect_error_with<CommunicationError>(
      [] {
        test::as_ranks(
            2,
            [](ProcessGroup& ranks) {
              if (!ranks.is_first()) return;  // its group, and worker, end
              const auto begin = std::chrono::steady_clock::now();
              try {
                ranks.barrier();
              } catch (...) {
                EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
                throw;
              }
            },
            1);
      },
      "gave no sign of life for 1 s (dist.timeout)");
}

// Work and waits shorter than the time between two beats must not keep a rank from beating.
TEST(MpiGroup, RanksThatAreAlwaysBusyForAMomentLive) {
  test::as_ranks(
      3,
      [](ProcessGroup& ranks) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(6);
        do {
          std::this_thread::sleep_for(std::chrono::milliseconds(100 << ranks.rank()));
          ranks.all_reduce(Tensor::zeros({4}))->wait();
        } while (!ranks.any(std::chrono::steady_clock::now() > end));
        ranks.leave();
      },
      2);
}

TEST(MpiGroup, WhatFailedOnceFailsAtOnceFromThenOn) {
  test::as_ranks(
      2,
      [](ProcessGroup& ranks) {
        if (!ranks.is_first()) return;
        EXPECT_THROW(ranks.all_reduce(Tensor::zeros({4}))->wait(), CommunicationError);
        test::expect_error<CommunicationError>(
            [&] { ranks.all_reduce(Tensor::zeros({4}))->wait(); },
            "[dist] a sum over the ranks cannot be: an earlier one failed.");
      },
      0.6);
}

}  // namespace
}  // namespace seqpe::dist
