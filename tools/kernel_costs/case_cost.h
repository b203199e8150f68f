// What a case costs: the counts of its launches, and the least time on each GPU.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "kernels/simt/cost_model.h"
#include "kernels/simt/cost_observer.h"
#include "tools/kernel_costs/case.h"

namespace seqpe::costs {

constexpr std::size_t kGpuCount = std::tuple_size_v<decltype(simt::kGpus)>;

/// Registers of a thread, on sm_80 and sm_90.
struct Registers {
  unsigned sm_80, sm_90;
};
/// Of a kernel as simt::function_name names it; nothing if kernels/cuda/registers.inc lacks it.
std::optional<Registers> registers_of(const std::string& function);

struct LaunchResult {
  simt::LaunchCost cost;
  std::string function;
  std::optional<Registers> registers;
  double tensor_bytes = 0;                    // moved between memory and the arrays of the case
  double scratch_bytes = 0;                   // the same of the launcher's own memory
  std::array<double, kGpuCount> occupancy{};  // 0: registers are not known
  std::array<simt::Bounds, kGpuCount> bounds;
};

struct CaseResult {
  std::string name, shape;
  double moved_bytes = 0;        // that must be moved
  double sector_efficiency = 0;  // bytes asked for / bytes of the sectors moved, request by request
  double memory_efficiency = 0;  // bytes that must be moved / tensor_bytes
  unsigned bank_conflict = 0;    // degree of the worst; 1: none, 0: no shared memory
  std::vector<LaunchResult> launches;
  std::array<double, kGpuCount> seconds{};   // the least: sums over the launches
  std::array<double, kGpuCount> roofline{};  // least time / seconds
};

/// Runs the case on the emulator and counts.
CaseResult count(const Case& one);

}  // namespace seqpe::costs
