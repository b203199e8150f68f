// A neighbour that was killed is missed, one on another host or in another container is not.
#include "engine/dist/lost_ranks.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/common/error.h"
#include "tests/support/expect_error.h"

namespace seqpe::dist {
namespace {

TEST(LostRanks, ANeighbourThatWasKilledIsNamed) {
  const pid_t neighbour = ::fork();
  if (neighbour == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::string own = LostRanks::own_address(), host = own.substr(0, own.find(' ')),
                    numbers = own.substr(own.rfind(' '));
  EXPECT_TRUE(numbers.starts_with(" pid:[")) << own;
  const std::vector<std::string> addresses{
      own, fmt::format("{} {}{}", host, neighbour, numbers), fmt::format("elsewhere 1{}", numbers),
      fmt::format("{} 2000000000{}", host, numbers),
      fmt::format("{} {} pid:[1]", host, neighbour)};  // the last in a container
  const LostRanks ranks(addresses, 0), others({own, addresses[2], addresses[3], addresses[4]}, 0);
  EXPECT_NO_THROW(ranks.check());
  ::kill(neighbour, SIGKILL);
  ::waitpid(neighbour, nullptr, 0);
  test::expect_error<CommunicationError>(
      [&] { ranks.check(); },
      fmt::format("[dist] rank 1 on {} is gone (process {}): it was killed, or ended with an error "
                  "of its own.",
                  host, neighbour));
  EXPECT_NO_THROW(others.check());
}

}  // namespace
}  // namespace seqpe::dist
