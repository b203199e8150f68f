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

Deadline in(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(
             std::chrono::duration<double>(seconds));
}

class SocketTest : public testing::Test {
 protected:
  Listener listener_{0};
  Socket here_ = Socket::connect("127.0.0.1", listener_.port(), in(5));
  Socket there_ = listener_.accept(in(5));
};

TEST_F(SocketTest, CarriesTextsInOrder) {
  const std::string large(5'000'000, 'x');  // more than the kernel holds
  std::thread sends([&] {
    for (const std::string& text : {std::string(), std::string("a\0b", 3), large})
      here_.send(text, in(20));
  });
  EXPECT_EQ(there_.receive(in(20)), "");
  EXPECT_EQ(there_.receive(in(20)), std::string("a\0b", 3));
  EXPECT_EQ(there_.receive(in(20)), large);
  sends.join();
}

TEST_F(SocketTest, KnowsWhetherSomethingCame) {
  EXPECT_FALSE(there_.has_news());
  here_.send("x", in(5));
  there_.wait_for(POLLIN, in(5));
  EXPECT_TRUE(there_.has_news());
  there_.receive(in(5));
  EXPECT_FALSE(there_.has_news());
}

TEST_F(SocketTest, WaitsUntilTheDeadline) {
  test::expect_error_with<CommunicationError>([&] { there_.receive(in(0.1)); },
                                              "did not answer in time (dist.timeout)");
  const std::string large(50'000'000, 'x');
  test::expect_error_with<CommunicationError>([&] { here_.send(large, in(0.2)); },
                                              "did not answer in time (dist.timeout)");
}

TEST_F(SocketTest, TheOtherEndMayGo) {
  { const Socket gone = std::move(here_); }
  test::expect_error_with<CommunicationError>([&] { there_.receive(in(5)); },
                                              "[dist] another rank is gone");
}

TEST_F(SocketTest, ShutDownEndsWhatWaits) {
  std::thread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    here_.shut_down();
  });
  test::expect_error_with<CommunicationError>([&] { here_.receive(in(20)); },
                                              "[dist] another rank is gone");
  ends.join();
}

TEST_F(SocketTest, AStrangersBytesAreNoText) {
  constexpr char kRequest[] = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_EQ(::send(here_.descriptor(), kRequest, sizeof kRequest, 0),
            static_cast<ssize_t>(sizeof kRequest));
  test::expect_error_with<CommunicationError>([&] { there_.receive(in(5)); },
                                              "[dist] what came is no message of a rank");
}

TEST(Socket, NobodyListens) {
  const int port = Listener(0).port();
  test::expect_error_with<CommunicationError>(
      [&] { Socket::connect("127.0.0.1", port, in(0.1)); },
      fmt::format("[dist] cannot reach rank 0 at 127.0.0.1:{}: ", port));
}

}  // namespace
}  // namespace seqpe::dist
