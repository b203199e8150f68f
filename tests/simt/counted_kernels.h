// Small kernels whose cost can be told by hand.
#pragma once

#include "kernels/simt/cost_observer.h"

namespace seqpe::test {

/// Each runs one kernel and returns its cost.

/// 512 blocks of 64 threads copy 32768 floats, of which the input's are `stride` apart.
simt::LaunchCost copy_strided(int stride);
/// The same from the first 64 floats alone: every block reads them.
simt::LaunchCost copy_repeated();
/// One block of 128 threads copies 1024 bf16, 8 a thread, in packs or one by one.
simt::LaunchCost copy_packs(bool packs);
/// A block of 32 x 8 threads transposes a tile of 32 x 32 floats in shared memory, its rows 32 or
/// 33 floats apart, behind one barrier.
simt::LaunchCost transpose(bool padded);
/// In 8 rounds each lane but one, another in each round, reads 4 floats of a row of its own, 33
/// floats apart from the next lane's, and 4 floats of the round's row, which all lanes share.
simt::LaunchCost rounds_that_lanes_skip();
/// A warp fetches 512 bytes by cp.async, reads them by ldmatrix, and multiplies twice.
simt::LaunchCost multiply_fetched();
/// One block of 512 threads reads 64 KiB, `times` times.
simt::LaunchCost read_repeatedly(int times);

}  // namespace seqpe::test
