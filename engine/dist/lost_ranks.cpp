#include "engine/dist/lost_ranks.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "engine/dist/host.h"
#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

bool is_gone(int process) {
  return ::kill(process, 0) != 0 && errno == ESRCH;
}

}  // namespace

void throw_late(const char* what, double timeout, double patience) {
  throw CommunicationError(fmt::format(
      "[dist] {} did not end within {} s ({}dist.timeout): another rank hangs, is far slower, or "
      "is gone. Hint: its own messages; the network between the hosts.",
      what, patience * timeout, patience == 1 ? "" : fmt::format("{} times ", patience)));
}

std::string LostRanks::own_address() {
  return fmt::format("{} {}", host_name(), ::getpid());
}

LostRanks::LostRanks(const std::vector<std::string>& addresses, int own_rank) {
  for (const std::string& address : addresses)
    hosts_.push_back(address.substr(0, address.find(' ')));
  const std::string& here = hosts_[static_cast<std::size_t>(own_rank)];
  for (std::size_t r = 0; r < addresses.size(); ++r) {
    if (static_cast<int>(r) == own_rank || hosts_[r] != here) continue;
    const int process = std::atoi(addresses[r].c_str() + here.size() + 1);
    // In a container of its own a neighbour has another number, which says nothing.
    if (!is_gone(process)) neighbours_.push_back({static_cast<int>(r), process});
  }
}

void LostRanks::check() const {
  for (const Neighbour& neighbour : neighbours_) {
    require<CommunicationError>(!is_gone(neighbour.process),
                                "[dist] {} is gone (process {}): it was killed, or ended with an "
                                "error of its own.",
                                told(neighbour.rank), neighbour.process);
  }
}

std::string LostRanks::told(int rank) const {
  return fmt::format("rank {} on {}", rank, hosts_[static_cast<std::size_t>(rank)]);
}

}  // namespace seqpe::dist
