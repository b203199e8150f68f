#include "engine/dist/lost_ranks.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>

#include "engine/dist/host.h"
#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

bool is_gone(int process) {
  return ::kill(process, 0) != 0 && errno == ESRCH;
}

struct Address {
  std::string host;
  int process = 0;
  std::string numbers;
};

Address address_of(const std::string& text) {
  Address out;
  std::istringstream(text) >> out.host >> out.process >> out.numbers;
  return out;
}

}  // namespace

std::string LostRanks::own_address() {
  std::error_code unknown;
  const std::string numbers = std::filesystem::read_symlink("/proc/self/ns/pid", unknown).string();
  return fmt::format("{} {} {}", host_name(), ::getpid(), numbers);
}

LostRanks::LostRanks(const std::vector<std::string>& addresses, int own_rank) {
  std::vector<Address> all;
  for (const std::string& address : addresses) {
    all.push_back(address_of(address));
    hosts_.push_back(all.back().host);
  }
  const Address& own = all[static_cast<std::size_t>(own_rank)];
  for (std::size_t r = 0; r < all.size(); ++r) {
    const bool is_neighbour =
        static_cast<int>(r) != own_rank && all[r].host == own.host && all[r].numbers == own.numbers;
    if (is_neighbour && !is_gone(all[r].process))
      neighbours_.push_back({static_cast<int>(r), all[r].process});
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
