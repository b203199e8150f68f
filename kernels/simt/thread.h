// The threads and warps of the block that an emulator's worker runs, as the functions of CUDA see
// them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/simt/vector_types.h"

namespace seqpe::simt {

struct Fiber;
struct Warp;

constexpr unsigned kWarpSize = 32;
constexpr std::uint32_t kFullMask = 0xffffffffu;

enum class ThreadState : std::uint8_t {
  not_started,
  ready,
  running,
  at_collective,
  at_barrier,
  finished
};

/// Computes a warp collective for the lanes of `mask` at once, when the last of them has come.
using Collective = void (*)(Warp& warp, std::uint32_t mask);

/// What a lane brings to a collective and takes from it.
struct Exchange {
  std::uint64_t operand = 0, result = 0;
  std::array<void*, 4> registers{};  // arrays of the lane's registers: fragments of a matrix
  int parameter = 0;
};

/// One cp.async: bytes on their way to shared memory.
struct AsyncCopy {
  std::uint32_t to = 0;  // offset in shared memory
  const void* from = nullptr;
  std::uint16_t bytes = 0;
  std::uint16_t valid = 0;  // the rest is filled with zeros
  const void* site = nullptr;
  bool landed = false;
};

struct Thread {
  uint3 index{};
  unsigned linear = 0, lane = 0;
  Warp* warp = nullptr;
  Fiber* fiber = nullptr;  // null until it starts
  ThreadState state = ThreadState::not_started;
  std::uint32_t mask = 0;  // of the collective that it waits for
  Collective collective = nullptr;
  const void* site = nullptr;  // in the kernel's code: where it last called the emulator
  Exchange exchange;
  Thread* next_at_barrier = nullptr;
  std::vector<AsyncCopy> copies;         // issued and not yet waited for
  std::vector<std::size_t> copy_groups;  // copies.size() at each commit
};

struct Warp {
  unsigned index = 0;
  std::array<Thread*, kWarpSize> lanes{};
  std::uint32_t existing = 0;  // the last warp of a block may be partial
  std::uint32_t live = 0;      // not finished
  std::uint32_t arrived = 0;   // at a collective
  unsigned epoch = 0;          // counts the points that order the warp's own lanes
};

/// blockIdx and its like, and the block's shared memory.
struct BlockCoordinates {
  uint3 grid{}, block{}, index{};
  std::byte* shared = nullptr;
};

// initial-exec: one instruction to read. They are read at every threadIdx.
extern __thread Thread* current_thread __attribute__((tls_model("initial-exec")));
extern __thread BlockCoordinates current_block __attribute__((tls_model("initial-exec")));

/// Of the block that runs, in the grid.
std::uint64_t block_number();
/// "thread (3, 0, 0) of block (1, 2, 0)"
std::string where(const Thread& thread = *current_thread);

}  // namespace seqpe::simt
