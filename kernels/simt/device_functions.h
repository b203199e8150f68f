// What CUDA's built-in functions do on the emulated device, behind the names of emulator.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simt/block.h"

namespace seqpe::simt {

unsigned char* shared_variable(SharedVariable& variable, std::size_t bytes, std::size_t alignment);
unsigned char* dynamic_shared();

void sync_block();
void sync_warp(std::uint32_t mask);
std::uint64_t shuffle_bits(std::uint32_t mask, std::uint64_t bits, unsigned source);
std::uint32_t ballot(std::uint32_t mask, bool predicate);

/// Copies that whoever watches sees as one access.
void read_as_one(void* to, const void* from, std::size_t bytes);
void write_as_one(void* to, const void* from, std::size_t bytes);
void begin_atomic(const void* address, std::size_t bytes);

/// D = A B + C on the fragments of a warp's lanes as PTX lays them out (mma.sync.m16n8k16, row.col,
/// bf16 to f32).
void multiply_fragments(float* d, const std::uint32_t* a, const std::uint32_t* b, const float* c);
/// `count` 8 x 8 matrices of 16-bit elements from shared memory, lane 8 i + j giving the offset of
/// row j of matrix i (ldmatrix); a register a matrix.
void load_matrices(std::uint32_t* registers, int count, std::uint32_t offset, bool transposed);

/// cp.async of 16 bytes, the last 16 - valid of them zeros.
void copy_async(std::uint32_t to, const void* from, int valid);
void commit_copies();
/// Waits until at most `groups` of the thread's groups are under way.
void wait_for_copies(int groups);

}  // namespace seqpe::simt
