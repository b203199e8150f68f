// Texts over a connection, and what may happen to one.
#include "engine/dist/socket.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <thread>

#include "tests/support/expect_error.h"

namespace seqpe::dist {
namespace {

class SocketTest : public testing::Test {
 protected:
  Deadline deadline_{20};
  Listener listener_{0};
  Socket here_ = Socket::connect("127.0.0.1", listener_.port(), deadline_);
  Socket there_ = std::move(*listener_.accept(deadline_));
};

TEST_F(SocketTest, CarriesTextsInOrder) {
  const std::string large(5'000'000, 'x');  // more than the kernel holds
  std::thread sends([&] {
    Deadline deadline(20);
    for (const std::string& text : {std::string(), std::string("a\0b", 3), large})
      here_.send(text, deadline);
  });
  EXPECT_EQ(there_.receive(deadline_), "");
  EXPECT_EQ(there_.receive(deadline_), std::string("a\0b", 3));
  EXPECT_EQ(there_.receive(deadline_), large);
  sends.join();
}

TEST_F(SocketTest, KnowsWhetherSomethingCame) {
  EXPECT_FALSE(there_.has_news());
  here_.send("x", deadline_);
  EXPECT_TRUE(there_.is_ready(POLLIN, deadline_));
  EXPECT_TRUE(there_.has_news());
  there_.receive(deadline_);
  EXPECT_FALSE(there_.has_news());
}

TEST_F(SocketTest, WaitsUntilTheDeadline) {
  there_.name("rank 3");
  Deadline first(0.1, 2), second(0.2);
  test::expect_error_with<CommunicationError>(
      [&] { there_.receive(first); },
      "[dist] a message between this rank and rank 3 did not end within 0.2 s (2 times "
      "dist.timeout): another rank hangs");
  std::string large;  // more than the kernel takes
  large.resize(50'000'000, 'x');
  test::expect_error_with<CommunicationError>([&] { here_.send(large, second); },
                                              "[dist] a message between this rank and another rank "
                                              "did not end within 0.2 s (dist.timeout)");
}

TEST_F(SocketTest, TheOtherEndMayGo) {
  { const Socket gone = std::move(here_); }
  test::expect_error_with<CommunicationError>([&] { there_.receive(deadline_); },
                                              "[dist] another rank is gone");
}

TEST_F(SocketTest, TheOtherEndMayGoWithMessagesUnread) {
  there_.send("unread", deadline_);
  EXPECT_TRUE(here_.is_ready(POLLIN, deadline_));
  { const Socket gone = std::move(here_); }
  test::expect_error_with<CommunicationError>([&] { there_.receive(deadline_); },
                                              "[dist] another rank is gone");
  test::expect_error_with<CommunicationError>(
      [&] {
        for (int i = 0; i < 100; ++i) there_.send("x", deadline_);
      },
      "[dist] another rank is gone");
}

TEST_F(SocketTest, ShutDownEndsWhatWaits) {
  std::thread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    here_.shut_down();
  });
  test::expect_error_with<CommunicationError>([&] { here_.receive(deadline_); },
                                              "[dist] another rank is gone");
  ends.join();
}

TEST_F(SocketTest, AStrangersBytesAreNoText) {
  constexpr char kRequest[] = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_EQ(::send(here_.descriptor(), kRequest, sizeof kRequest, 0),
            static_cast<ssize_t>(sizeof kRequest));
  test::expect_error_with<CommunicationError>([&] { there_.receive(deadline_); },
                                              "[dist] what came is no message of a rank");
}

TEST(Socket, NobodyListens) {
  const int port = Listener(0).port();
  Deadline deadline(0.1);
  test::expect_error_with<CommunicationError>(
      [&] { Socket::connect("127.0.0.1", port, deadline); },
      fmt::format("[dist] cannot reach rank 0 at 127.0.0.1:{}: ", port));
}

}  // namespace
}  // namespace seqpe::dist
