// Ranks of this host that are gone: a process that was killed says nothing to those who wait for
// it.
#pragma once

#include <string>
#include <vector>

namespace seqpe::dist {

class LostRanks {
 public:
  /// How this process is found by others: its host, its number there, and which numbers these are
  /// (a container has its own).
  static std::string own_address();
  /// `addresses`: own_address() of every rank.
  LostRanks(const std::vector<std::string>& addresses, int own_rank);

  /// Throws CommunicationError naming a rank of this host that is gone.
  void check() const;
  /// "rank 3 on node7", for messages.
  std::string told(int rank) const;

 private:
  struct Neighbour {
    int rank, process;
  };
  std::vector<std::string> hosts_;     // of all ranks
  std::vector<Neighbour> neighbours_;  // on this host, without this process
};

}  // namespace seqpe::dist
