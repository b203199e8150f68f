// What `doctor` tells of several processes: who runs where, how fast they send each other numbers,
// and which of the usual traps they are in.
#pragma once

#include <string>
#include <vector>

#include "engine/dist/process_group.h"
#include "tools/seqpe_engine/device_facts.h"

namespace seqpe::tools {

/// Where a rank runs.
struct RankPlace {
  std::string host;
  int local_rank = 0;
  int cores = 0, cores_of_host = 0;   // that it may use; that there are
  std::string allowed;                // the former: "0 1"
  std::string gpu;                    // empty: none
  std::vector<std::string> networks;  // "eth0 10.0.0.5"
};

/// What is wrong with these places; empty if nothing is.
std::vector<std::string> traps_of(const std::vector<RankPlace>& places);

/// Where the ranks' tensors are: on GPUs where there are any.
Device rank_device();

// To be called by every rank.

/// A line a rank, and hints.
Facts place_facts(dist::ProcessGroup& ranks);
/// The time of an all-reduce.
Facts speed_facts(dist::ProcessGroup& ranks);

}  // namespace seqpe::tools
