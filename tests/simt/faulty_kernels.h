// Kernels with a planted fault each, and their sound forms: what the emulator must find, and what
// it must leave alone.
#pragma once

#include <cstdint>

namespace seqpe::test {

enum class Fault : std::uint8_t {
  none,
  // Of a sum over a block by shared memory.
  no_barrier_after_write,
  no_barrier_before_reuse,
  shared_out_of_bounds,
  unwritten_shared,
  different_barriers,
  // Of a copy between blocks of global memory.
  global_out_of_bounds,
  host_pointer,
  blocks_race,
  misaligned_pack,
  global_far_out_of_bounds,
  unwritten_global,
  division_by_zero,
  stack_overflow,
  // Of a tile that cp.async fetches.
  no_wait_for_copy,
  tile_overwritten_while_read,
  copy_never_waited_for,
  // Of the lanes of a warp.
  no_syncwarp,
  barrier_in_a_branch,
  mask_without_caller,
  mask_with_ended_lanes,
  shuffle_from_outside_the_mask,
  mma_with_part_of_the_warp,
};

/// Each runs one kernel with the fault, or its sound form, and returns what it computed; the sound
/// value is told below. All throw Error with what the emulator reports.

/// 256 threads add up 0 ... 255, then 1 ... 256: 65536.
float sum_over_block(Fault fault);
/// The sum of a copy of 1024 ones: 1024.
float copy_between_blocks(Fault fault);
/// The sum over 4 tiles of 128 x 16 bytes that hold 1, 2, 3, 4 in every float: 512 * 10.
float sum_of_tiles(Fault fault);
/// A reversal of the lanes of 2 warps a block: the value that lane 0 gets, 31.
float reverse_lanes(Fault fault, unsigned blocks);
inline float reverse_lanes(Fault fault) {
  return reverse_lanes(fault, 1);
}
/// Element (0, 0) of a product of matrices of ones with 16 terms: 16.
float multiply_ones(Fault fault);

/// A thread of a block waits for ever for what another one would write.
void wait_for_another_thread();
/// Half of each of 8 warps waits for its other half, which has ended where the warp's bit is set,
/// and else waits at a barrier.
void deadlock_of_warps(std::uint32_t with_ended_half);

}  // namespace seqpe::test
