// Counts what the kernels that run on the emulator ask of a GPU (cost_model.h). The accesses of a
// warp's lanes are put together to the requests that a GPU's warp would make. Between two points
// where all lanes meet, each lane leaves a sequence of accesses. Instructions that every lane came
// to equally often tell how far a lane is; accesses by the same instruction between the same two of
// those are one request. (Counting an instruction's occurrences alone would, behind an iteration
// that some lanes skip, put together what belongs to different iterations.)
//
// Of a large grid only some blocks run, and counts are scaled to the whole.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/simt/launch.h"

namespace seqpe::simt {

/// Global memory that a launch uses within one block of device memory. Each sector counts once.
struct MemoryUse {
  const void* begin = nullptr;
  double read_bytes = 0, written_bytes = 0;
};

/// One instruction that accesses memory.
struct SiteCost {
  const void* site = nullptr;
  bool shared = false, write = false;
  double requests = 0;
  double asked_bytes = 0;  // different bytes of each request
  double units = 0;        // sectors of global, wavefronts of shared memory
  double least_units = 0;  // without gaps and conflicts
  unsigned degree = 0;     // of the worst bank conflict
};

struct LaunchCost {
  std::string name;            // the launch's
  const void* code = nullptr;  // the kernel's address
  double blocks = 0;           // of the grid
  double counted_blocks = 0;
  unsigned threads = 0;          // of a block
  std::size_t shared_bytes = 0;  // of a block
  double barriers = 0;           // of a block
  double mma_flops = 0;
  std::vector<SiteCost> sites;
  std::vector<MemoryUse> memory;
  /// Bytes that blocks read again, by the bytes that the block moved in between, rounded down to 3
  /// binary digits.
  std::map<std::uint64_t, double> read_again;

  /// Sums over the sites of global or shared memory.
  SiteCost total(bool shared) const;
};

/// The launches since the last call.
std::vector<LaunchCost> take_launch_costs();

/// Grids of at most `whole` blocks run as a whole, of others `some` blocks: the first, the last,
/// and others between them.
struct Sampling {
  std::uint64_t whole = 256, some = 32;
};
void set_sampling(const Sampling& sampling);

}  // namespace seqpe::simt
