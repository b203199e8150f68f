// Ranks that meet at an address: threads here, each with its own connection.
#include "engine/dist/tcp_group.h"

#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <thread>

#include "tests/support/expect_error.h"

namespace seqpe::dist {
namespace {

int free_port() {
  return Listener(0).port();
}

/// Runs `work` as each rank; throws what rank 0 threw, or else another.
void meet(int size, const std::function<void(TcpGroup&)>& work, double timeout = 20) {
  const int port = free_port();
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        TcpGroup group({.rank = rank, .size = size, .local_rank = rank, .port = port}, timeout);
        work(group);
      } catch (...) {
        errors[static_cast<std::size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

TEST(TcpGroup, TextsAndNumbers) {
  meet(4, [](TcpGroup& ranks) {
    const std::string mine(static_cast<std::size_t>(100'000 * ranks.rank()), '7');
    const auto all = ranks.gather(mine);
    ASSERT_EQ(all.size(), 4u);
    for (std::size_t r = 0; r < 4; ++r) EXPECT_EQ(all[r], std::string(100'000 * r, '7'));
    EXPECT_EQ(ranks.broadcast(ranks.is_first() ? "1 2" : ""), "1 2");
    std::vector<double> numbers{0.5, 1.0 * ranks.rank()};
    ranks.sum(numbers);
    EXPECT_EQ(numbers, (std::vector<double>{2.0, 6.0}));
    EXPECT_TRUE(ranks.any(ranks.rank() == 3));
    ranks.barrier();
  });
}

TEST(TcpGroup, ARankThatEndsIsMissedAtOnce) {
  test::expect_error<CommunicationError>(
      [] {
        meet(3, [](TcpGroup& ranks) {
          if (ranks.rank() != 2) ranks.gather("");
        });
      },
      "[dist] rank 2 is gone: it was killed, or ended with an error of its own, or of another "
      "rank. "
      "Hint: its own messages.");
}

TEST(TcpGroup, WaitsNoLongerThanTheTimeout) {
  const int port = free_port();
  test::expect_error_with<CommunicationError>(
      [&] { TcpGroup({.rank = 1, .size = 2, .port = port}, 0.3); },
      fmt::format("[dist] cannot reach rank 0 at 127.0.0.1:{}: ", port));
  test::expect_error_with<CommunicationError>(
      [&] { TcpGroup({.rank = 0, .size = 3, .port = port}, 0.3); },
      fmt::format("[dist] of 3 ranks these did not come to port {} of rank 0 within 0.3 s "
                  "(dist.timeout): 1, 2.",
                  port));
}

TEST(TcpGroup, ABarrierWaitsForARankThatIsLateAndAlive) {
  meet(
      3,
      [](TcpGroup& ranks) {
        if (ranks.rank() == 1) std::this_thread::sleep_for(std::chrono::seconds(5));
        ranks.barrier();
        ranks.leave();
      },
      2);
}

TEST(TcpGroup, ABarrierWaitsNoLongerThanTheTimeoutForARankThatStandsStill) {
  const int port = free_port();
  const TcpPlace standing{.rank = 1, .size = 2, .port = port};
  std::thread other([&] {
    const TcpConnections open = meet_over_tcp(standing, 20);
    std::this_thread::sleep_for(std::chrono::seconds(8));
  });
  TcpGroup group({.rank = 0, .size = 2, .port = port}, 1);
  const auto begin = std::chrono::steady_clock::now();
  test::expect_error<CommunicationError>(
      [&] { group.barrier(); },
      "[dist] rank 1 gave no sign of life for 1 s (dist.timeout): it is stopped, or its host or "
      "the network is down.");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(7));
  other.join();
}

TEST(TcpGroup, TwoJobsOnOnePortAreToldApart) {
  const int port = free_port();
  const Listener taken(port);
  test::expect_error_with<CommunicationError>(
      [&] { TcpGroup({.rank = 0, .size = 2, .port = port}, 0.3); },
      fmt::format("[dist] cannot listen on port {} (another job on this host? Hint: another "
                  "MASTER_PORT)",
                  port));
}

TEST(TcpGroup, ARankOfAnotherJobIsRefusedAndTheOthersMeet) {
  const int port = free_port();
  std::thread first([&] {
    TcpGroup group({.rank = 0, .size = 2, .port = port}, 20);
    EXPECT_EQ(group.gather("a"), (std::vector<std::string>{"a", "b"}));
  });
  test::expect_error<CommunicationError>(
      [&] { TcpGroup({.rank = 1, .size = 3, .port = port}, 20); },
      fmt::format("[dist] rank 0 at 127.0.0.1:{} refused: 'seqpe 1 3' is not expected here, where "
                  "2 ranks meet: two jobs on one port (MASTER_PORT)?.",
                  port));
  TcpGroup second({.rank = 1, .size = 2, .port = port}, 20);
  EXPECT_EQ(second.gather("b"), (std::vector<std::string>{"a", "b"}));
  first.join();
}

TEST(TcpGroup, CarriesNoTensors) {
  meet(2, [](TcpGroup& ranks) {
    test::expect_error_with<UsageError>([&] { ranks.all_gather(Tensor::zeros({2})); },
                                        "[dist] tensors of the cpu travel by MPI alone.");
  });
}

}  // namespace
}  // namespace seqpe::dist
