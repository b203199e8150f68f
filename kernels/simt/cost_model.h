// What a GPU would have to do for the accesses that the emulator saw: 32-byte sectors of global
// memory, wavefronts of shared memory, warps that fit a multiprocessor, and from these the least
// time. Pure functions. Peaks are those of NVIDIA's data sheets: the model ranks plans of a kernel
// and finds waste; it knows nothing of latency, instruction issue and transcendental functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace seqpe::simt {

constexpr unsigned kSectorBytes = 32;

/// One instruction of a warp on memory: every lane of `lanes` asks for `bytes` from its address on.
struct WarpRequest {
  std::array<std::uint64_t, 32> addresses{};
  std::uint32_t lanes = 0;
  unsigned bytes = 0;
};

/// The numbers (address / 32) of the sectors that a request to global memory moves, ascending, each
/// once.
std::vector<std::uint64_t> sectors_of(const WarpRequest& request);
/// Different bytes that the lanes ask for together.
unsigned distinct_bytes(const WarpRequest& request);

/// Shared memory answers a wavefront a cycle: of each of 32 banks one 4-byte word, to any number of
/// lanes.
struct BankUse {
  unsigned wavefronts = 0;  // that the request takes
  unsigned least = 0;       // that it would take without conflicts
  unsigned degree = 0;      // the most different words that a bank gives within one part
};
/// Accesses of 8 bytes are answered by half warps, of 16 bytes by quarter warps, others at once.
/// Addresses are offsets in shared memory.
BankUse bank_use(const WarpRequest& request);

struct Gpu {
  const char* name;
  unsigned architecture;  // 80: sm_80
  unsigned multiprocessors;
  double clock;             // Hz, at which the peaks hold
  double memory_bandwidth;  // bytes/s
  double tensor_peak;       // bf16 FLOP/s of the best instruction
  double mma_share;         // of the peak that mma.sync reaches
  unsigned fma_per_cycle;   // f32, of a multiprocessor
  std::size_t l2_bytes;
  std::size_t shared_bytes;  // of a multiprocessor
};
/// A100 80 GB, H100 SXM, H200.
extern const std::array<Gpu, 3> kGpus;

/// What a block occupies.
struct BlockShape {
  unsigned threads = 0;
  unsigned registers = 0;        // of a thread
  std::size_t shared_bytes = 0;  // static and dynamic
};
/// Blocks of a multiprocessor at a time; 0 if not even one fits.
unsigned resident_blocks(const Gpu& gpu, const BlockShape& block);
/// Resident warps / 64.
double occupancy(const Gpu& gpu, const BlockShape& block);

/// What a launch asks of the GPU.
struct Work {
  double memory_bytes = 0;  // that come from or go to memory
  double cache_bytes = 0;   // all sectors, those that come from a cache too
  double wavefronts = 0;    // of shared memory
  double mma_flops = 0;     // on tensor cores, by mma.sync
  double fma_flops = 0;     // on FMA units; an FMA is 2
  double blocks = 0;        // of the grid
};
/// The least seconds that each part of the GPU needs for its work.
struct Bounds {
  double memory = 0, cache = 0, shared = 0, tensor = 0, fma = 0;
  double seconds() const;
  /// Which part is the slowest: "memory", "cache", "shared", "tensor" or "FMA".
  const char* slowest() const;
};
/// A launch of fewer blocks than multiprocessors has only as many caches and units as blocks.
Bounds bounds(const Gpu& gpu, const Work& work);

/// The least seconds for what must be done, however it is done: each byte moved once, products of
/// matrices on tensor cores.
double roofline_seconds(const Gpu& gpu, double bytes, double matrix_flops);

}  // namespace seqpe::simt
