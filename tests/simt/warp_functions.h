// Small sound kernels, one or two functions of CUDA each, whose results can be told without running
// them.
#pragma once

#include <cstddef>
#include <vector>

namespace seqpe::test {

/// What 32 lanes get of their numbers by xor 5, down 3, up 3, and lane 2 of parts of 16.
std::vector<int> shuffled_lanes();
/// 40 threads vote "is my lane even"; threads 37 to 39 end first and leave -1.
std::vector<int> votes_of_partial_warps();
/// Each thread of a grid of 2 x 3 x 2 blocks of 4 x 3 x 2 writes its number, counted block by
/// block, x fastest.
std::vector<int> places_of_threads();
/// 7 blocks of 96 threads add 1 to the same number.
int counted_threads();
/// 96 threads count themselves in shared memory.
int counted_in_block();
/// A [16, 16] times B [16, 8] by ldmatrix and mma, A(r, k) = (r + 2 k) mod 7, B(k, c) = (3 k + c)
/// mod 5.
std::vector<float> product_of_fragments();
/// Two lines of one kernel race.
void race_of_two_lines();
/// 31, from a variable of 128 bytes behind so much dynamic shared memory.
float shared_after(std::size_t dynamic_bytes);
/// The same with a variable of 16 KiB and 128 bytes.
float much_shared_after(std::size_t dynamic_bytes);
void launch_empty(unsigned threads, unsigned blocks_y, std::size_t shared_bytes);

}  // namespace seqpe::test
