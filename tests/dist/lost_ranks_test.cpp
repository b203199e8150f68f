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
  const std::string own = LostRanks::own_address(), host = own.substr(0, own.find(' '));
  const LostRanks ranks(
      {own, fmt::format("{} {}", host, neighbour), "elsewhere 1", host + " 2000000000"}, 0);
  EXPECT_NO_THROW(ranks.check());
  ::kill(neighbour, SIGKILL);
  ::waitpid(neighbour, nullptr, 0);
  test::expect_error<CommunicationError>(
      [&] { ranks.check(); },
      fmt::format("[dist] rank 1 on {} is gone (process {}): it was killed, or ended with an error "
                  "of its own.",
                  host, neighbour));
}

}  // namespace
}  // namespace seqpe::dist
