#include "tools/kernel_costs/case_cost.h"

#include <algorithm>
#include <map>

#include "kernels/simt/source_line.h"

namespace seqpe::costs {
namespace {

/// Bytes between memory and the L2 cache. Scratch that fits into the cache never leaves it: the
/// next kernel reads it there, and the next launch writes it anew. What a block reads again comes
/// from the cache if it holds what all resident blocks moved in between.
double memory_bytes(const simt::Gpu& gpu, const LaunchResult& launch, unsigned resident) {
  const auto cache = static_cast<double>(gpu.l2_bytes);
  const double together = std::min<double>(launch.cost.blocks, resident * gpu.multiprocessors);
  double bytes = launch.tensor_bytes;
  if (launch.scratch_bytes > cache) bytes += launch.scratch_bytes;
  for (const auto& [distance, again] : launch.cost.read_again) {
    if (static_cast<double>(distance) * together > cache) bytes += again;
  }
  return bytes;
}

LaunchResult result_of(const simt::LaunchCost& cost, const Arrays& arrays, double fma_flops) {
  LaunchResult launch;
  launch.cost = cost;
  launch.function = simt::function_name(cost.code);
  launch.registers = registers_of(launch.function);
  for (const simt::MemoryUse& use : cost.memory)
    (arrays.hold(use.begin) ? launch.tensor_bytes : launch.scratch_bytes) +=
        use.read_bytes + use.written_bytes;
  for (std::size_t i = 0; i < kGpuCount; ++i) {
    const simt::Gpu& gpu = simt::kGpus[i];
    unsigned resident = 1;
    if (launch.registers) {
      const unsigned registers =
          gpu.architecture == 80 ? launch.registers->sm_80 : launch.registers->sm_90;
      const simt::BlockShape block{cost.threads, registers, cost.shared_bytes};
      resident = simt::resident_blocks(gpu, block);
      launch.occupancy[i] = simt::occupancy(gpu, block);
    }
    launch.bounds[i] =
        simt::bounds(gpu, {.memory_bytes = memory_bytes(gpu, launch, resident),
                           .cache_bytes = cost.total(false).units * simt::kSectorBytes,
                           .wavefronts = cost.total(true).units,
                           .mma_flops = cost.mma_flops,
                           .fma_flops = fma_flops,
                           .blocks = cost.blocks});
  }
  return launch;
}

}  // namespace

std::optional<Registers> registers_of(const std::string& function) {
  static const std::map<std::string, Registers> table = [] {
    struct Row {
      const char* kernel;
      unsigned sm_80, sm_90;
    };
    constexpr Row kRows[] = {
#include "kernels/cuda/registers.inc"
    };
    std::map<std::string, Registers> all;
    for (const Row& row : kRows) all[row.kernel] = {row.sm_80, row.sm_90};
    return all;
  }();
  const auto found = table.find(function);
  return found == table.end() ? std::nullopt : std::optional(found->second);
}

CaseResult count(const Case& one) {
  CaseResult result;
  result.name = one.name;
  result.shape = one.shape;
  Arrays arrays;
  one.run(arrays);
  const std::vector<simt::LaunchCost> costs = simt::take_launch_costs();
  double asked = 0, sectors = 0, moved = 0, mma_flops = 0, on_shared = 0;
  for (const simt::LaunchCost& cost : costs) {
    asked += cost.total(false).asked_bytes;
    sectors += cost.total(false).units;
    mma_flops += cost.mma_flops;
    on_shared += cost.total(true).units;
    result.bank_conflict = std::max(result.bank_conflict, cost.total(true).degree);
  }
  // Products that no tensor core did are FMAs, in the launches that use shared memory most; where
  // none does, in all alike.
  const double fma_flops = std::max(0.0, one.matrix_flops - mma_flops);
  for (const simt::LaunchCost& cost : costs) {
    const double part = on_shared > 0 ? cost.total(true).units / on_shared
                                      : 1.0 / static_cast<double>(costs.size());
    result.launches.push_back(result_of(cost, arrays, fma_flops * part));
    moved += result.launches.back().tensor_bytes;
  }
  result.moved_bytes = arrays.moved_bytes();
  result.sector_efficiency = asked / (simt::kSectorBytes * sectors);
  result.memory_efficiency = result.moved_bytes / moved;
  for (std::size_t i = 0; i < kGpuCount; ++i) {
    for (const LaunchResult& launch : result.launches)
      result.seconds[i] += launch.bounds[i].seconds();
    result.roofline[i] =
        simt::roofline_seconds(simt::kGpus[i], result.moved_bytes, one.matrix_flops) /
        result.seconds[i];
  }
  return result;
}

}  // namespace seqpe::costs
