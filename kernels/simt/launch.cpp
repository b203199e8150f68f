#include "kernels/simt/launch.h"

#include "kernels/common/error.h"
#include "kernels/simt/limits.h"

namespace seqpe::simt {

void check_launch(const Launch& launch) {
  constexpr unsigned kMostBlocks = 65535, kMostThreadsOfZ = 64;
  const auto& [kernel, grid, block, shared_bytes] = launch;
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  require(threads >= 1 && threads <= kMostThreads && block.z <= kMostThreadsOfZ,
          "[{}] a block must have 1 to {} threads, at most {} in z, got {} x {} x {}.", kernel,
          kMostThreads, kMostThreadsOfZ, block.x, block.y, block.z);
  require(grid.x >= 1 && grid.y >= 1 && grid.z >= 1 && grid.x <= 0x7fffffffu &&
              grid.y <= kMostBlocks && grid.z <= kMostBlocks,
          "[{}] a grid must have 1 to 2147483647 x 65535 x 65535 blocks, got {} x {} x {}.", kernel,
          grid.x, grid.y, grid.z);
  require(shared_bytes <= kMostShared,
          "[{}] a block has at most {} bytes of shared memory, asked {}.", kernel, kMostShared,
          shared_bytes);
}

}  // namespace seqpe::simt
