#include "kernels/simt/cost_model.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace seqpe::simt {
namespace {

constexpr unsigned kLanes = 32, kBanks = 32, kWordBytes = 4;

/// Calls f(address) for each lane of the request that lies in `part`.
template <typename F>
void for_each_address(const WarpRequest& request, std::uint32_t part, const F& f) {
  for (std::uint32_t lanes = request.lanes & part; lanes != 0; lanes &= lanes - 1)
    f(request.addresses[static_cast<std::size_t>(std::countr_zero(lanes))]);
}

/// The numbers of the units of `size` bytes that the lanes of `part` touch, ascending, each once.
std::vector<std::uint64_t> units_of(const WarpRequest& request, std::uint32_t part, unsigned size) {
  std::vector<std::uint64_t> units;
  for_each_address(request, part, [&](std::uint64_t address) {
    for (std::uint64_t unit = address / size; unit <= (address + request.bytes - 1) / size; ++unit)
      units.push_back(unit);
  });
  std::sort(units.begin(), units.end());
  units.erase(std::unique(units.begin(), units.end()), units.end());
  return units;
}

template <typename T>
T round_up(T value, T unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

std::vector<std::uint64_t> sectors_of(const WarpRequest& request) {
  return units_of(request, ~0u, kSectorBytes);
}

unsigned distinct_bytes(const WarpRequest& request) {
  std::vector<std::uint64_t> begins;
  for_each_address(request, ~0u, [&](std::uint64_t address) { begins.push_back(address); });
  std::sort(begins.begin(), begins.end());
  std::uint64_t covered = 0;  // every byte below it has been counted
  unsigned bytes = 0;
  for (const std::uint64_t begin : begins) {
    const std::uint64_t end = begin + request.bytes;
    if (end <= covered) continue;
    bytes += static_cast<unsigned>(end - std::max(begin, covered));
    covered = end;
  }
  return bytes;
}

BankUse bank_use(const WarpRequest& request) {
  const unsigned part = request.bytes >= 16 ? 8 : request.bytes == 8 ? 16 : kLanes;
  BankUse use;
  for (unsigned first = 0; first < kLanes; first += part) {
    const auto lanes = static_cast<std::uint32_t>(((std::uint64_t{1} << part) - 1) << first);
    const std::vector<std::uint64_t> words = units_of(request, lanes, kWordBytes);
    if (words.empty()) continue;
    std::array<unsigned, kBanks> of_bank{};
    for (const std::uint64_t word : words) ++of_bank[word % kBanks];
    const unsigned degree = *std::max_element(of_bank.begin(), of_bank.end());
    use.wavefronts += degree;
    use.least += (static_cast<unsigned>(words.size()) + kBanks - 1) / kBanks;
    use.degree = std::max(use.degree, degree);
  }
  return use;
}

// The clock of each is that at which its tensor peak holds: 312e12 = 108 * 2048 * 1.41e9, 989e12 =
// 132 * 4096 * 1.83e9. On Hopper only wgmma reaches the peak; mma.sync is reported to reach 63 %.
const std::array<Gpu, 3> kGpus{{
    {"A100", 80, 108, 1.41e9, 2.04e12, 312e12, 1.0, 64, std::size_t{40} << 20,
     std::size_t{164} << 10},
    {"H100", 90, 132, 1.83e9, 3.35e12, 989e12, 0.63, 128, std::size_t{50} << 20,
     std::size_t{228} << 10},
    {"H200", 90, 132, 1.83e9, 4.8e12, 989e12, 0.63, 128, std::size_t{50} << 20,
     std::size_t{228} << 10},
}};

unsigned resident_blocks(const Gpu& gpu, const BlockShape& block) {
  // Registers are given to a warp in units of 256 from one of four files of 16384, shared memory to
  // a block in units of 128 bytes, and the system keeps 1 KiB a block for itself.
  constexpr unsigned kMostBlocks = 32, kMostWarps = 64, kFiles = 4, kFile = 16384;
  constexpr std::size_t kOfSystem = 1024;
  const unsigned warps = (block.threads + kLanes - 1) / kLanes;
  const unsigned registers = std::max(round_up(block.registers * kLanes, 256u), 256u);
  const unsigned by_registers = kFile / registers * kFiles / warps;
  const auto by_shared = static_cast<unsigned>(
      gpu.shared_bytes / (round_up(block.shared_bytes, std::size_t{128}) + kOfSystem));
  return std::min({kMostBlocks, kMostWarps / warps, by_registers, by_shared});
}

double occupancy(const Gpu& gpu, const BlockShape& block) {
  const unsigned warps = (block.threads + kLanes - 1) / kLanes;
  return resident_blocks(gpu, block) * warps / 64.0;
}

double Bounds::seconds() const {
  return std::max({memory, cache, shared, tensor, fma});
}

const char* Bounds::slowest() const {
  const std::array<std::pair<double, const char*>, 5> parts{
      {{memory, "memory"}, {cache, "cache"}, {shared, "shared"}, {tensor, "tensor"}, {fma, "FMA"}}};
  return std::max_element(parts.begin(), parts.end(),
                          [](const auto& a, const auto& b) { return a.first < b.first; })
      ->second;
}

Bounds bounds(const Gpu& gpu, const Work& work) {
  constexpr double kCacheBytesPerCycle = 64;  // from L2 to a multiprocessor
  const double used = std::min<double>(gpu.multiprocessors, work.blocks);
  const double share = used / gpu.multiprocessors, cycles = gpu.clock * used;  // a second
  Bounds bounds;
  bounds.memory = work.memory_bytes / gpu.memory_bandwidth;
  bounds.cache = work.cache_bytes / (kCacheBytesPerCycle * cycles);
  bounds.shared = work.wavefronts / cycles;
  bounds.tensor = work.mma_flops / (gpu.tensor_peak * gpu.mma_share * share);
  bounds.fma = work.fma_flops / (2.0 * gpu.fma_per_cycle * cycles);
  return bounds;
}

double roofline_seconds(const Gpu& gpu, double bytes, double matrix_flops) {
  return std::max(bytes / gpu.memory_bandwidth, matrix_flops / gpu.tensor_peak);
}

}  // namespace seqpe::simt
