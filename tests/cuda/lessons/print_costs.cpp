// Prints what the kernels of docs/cuda.md ask of an H100, by the cost model: the tables that the
// page quotes (tests/docs/figures_test.py compares).
#include <fmt/format.h>

#include <algorithm>

#include "kernels/common/bf16.h"
#include "tests/cuda/lessons/attention_steps.h"
#include "tests/cuda/lessons/layer_norm_steps.h"
#include "tools/kernel_costs/case_cost.h"
#include "tools/kernel_costs/markdown_table.h"

namespace seqpe::lessons {
namespace {

constexpr std::size_t kH100 = 1;
const simt::Gpu& gpu = simt::kGpus[kH100];

std::string microseconds(double seconds) {
  return fmt::format("{:.1f}", 1e6 * seconds);
}
std::string millions(double count) {
  return fmt::format("{:.1f}", count / 1e6);
}
/// Sums of what whole sectors move between the L2 cache and the multiprocessors.
std::string cache_megabytes(const costs::LaunchResult& launch) {
  return millions(launch.cost.total(false).units * simt::kSectorBytes);
}
std::string memory_megabytes(const costs::LaunchResult& launch) {
  return millions(launch.bounds[kH100].memory * gpu.memory_bandwidth);
}
std::string percent(double share) {
  return fmt::format("{:.0f} %", 100 * share);
}

/// It follows from registers, which only kernels of kernels/cuda/registers.inc have.
std::string occupancy(const costs::LaunchResult& launch) {
  return launch.registers ? percent(launch.occupancy[kH100]) : "?";
}
std::string slowest(const costs::LaunchResult& launch) {
  return fmt::format("{} us, {}", microseconds(launch.bounds[kH100].seconds()),
                     launch.bounds[kH100].slowest());
}

/// Every form is one launch.
const costs::LaunchResult& launch_of(const costs::CaseResult& result) {
  return result.launches.at(0);
}

/// A training batch of GPT-2 small: 8 sequences of 512.
void print_layer_norm() {
  constexpr std::int64_t kRows = 4096, kCols = 768;
  costs::Table table({"layer norm", "requests", "MB asked for", "MB through L2", "sectors",
                      "MB of memory", "occupancy", "memory us", "L2 us", "least time"});
  for (const LayerNormStep& step : layer_norm_steps()) {
    const costs::CaseResult result =
        costs::count({step.name, "", 0, [&](costs::Arrays& arrays) {
                        step.run({.dtype = DType::bf16,
                                  .out = arrays.output<bf16>(kRows * kCols),
                                  .mean = arrays.output<float>(kRows),
                                  .rstd = arrays.output<float>(kRows),
                                  .x = arrays.input<bf16>(kRows * kCols),
                                  .weight = arrays.input<bf16>(kCols),
                                  .bias = arrays.input<bf16>(kCols),
                                  .rows = kRows,
                                  .cols = kCols});
                      }});
    const costs::LaunchResult& launch = launch_of(result);
    const simt::SiteCost global = launch.cost.total(false);
    const simt::Bounds& bounds = launch.bounds[kH100];
    table.add({step.name, fmt::format("{:.0f}", global.requests), millions(global.asked_bytes),
               cache_megabytes(launch), percent(result.sector_efficiency), memory_megabytes(launch),
               occupancy(launch), microseconds(bounds.memory), microseconds(bounds.cache),
               slowest(launch)});
  }
  table.print();
}

/// The same batch: 8 sequences of 12 heads.
void print_attention() {
  constexpr int kHeads = 8 * 12, kTokens = 512;
  constexpr std::int64_t kCount = std::int64_t{kHeads} * kTokens * kHeadSize;
  constexpr double kPairs = kHeads * (kTokens * (kTokens + 1.0) / 2),
                   kFlops = 2 * kPairs * 2 * kHeadSize;
  costs::Table table({"attention", "MB through L2", "MB of memory", "wavefronts, M", "banks",
                      "barriers", "occupancy", "memory us", "L2 us", "shared us", "FMA us",
                      "tensor us", "least time"});
  for (const AttentionStep& step : attention_steps()) {
    const costs::CaseResult result =
        costs::count({step.name, "", kFlops, [&](costs::Arrays& arrays) {
                        AttentionHeads heads;
                        heads.out = arrays.output<bf16>(kCount);
                        heads.lse = arrays.output<float>(std::int64_t{kHeads} * kTokens);
                        heads.q = arrays.input<bf16>(kCount);
                        heads.k = arrays.input<bf16>(kCount);
                        heads.v = arrays.input<bf16>(kCount);
                        heads.heads = kHeads;
                        heads.tokens = kTokens;
                        heads.scale = 0.125f;
                        step.run(heads);
                      }});
    const costs::LaunchResult& launch = launch_of(result);
    const simt::Bounds& bounds = launch.bounds[kH100];
    table.add({step.name, cache_megabytes(launch), memory_megabytes(launch),
               millions(launch.cost.total(true).units),
               result.bank_conflict == 0 ? "-" : fmt::format("{}-way", result.bank_conflict),
               fmt::format("{:.0f}", launch.cost.barriers), occupancy(launch),
               microseconds(bounds.memory), microseconds(bounds.cache), microseconds(bounds.shared),
               microseconds(bounds.fma), microseconds(bounds.tensor), slowest(launch)});
  }
  table.print();
}

}  // namespace
}  // namespace seqpe::lessons

int main() {
  // Fewer blocks than `bench kernels` counts: those of the first forms take long.
  seqpe::simt::set_sampling({.whole = 256, .some = 16});
  seqpe::lessons::print_layer_norm();
  fmt::print("\n");
  seqpe::lessons::print_attention();
  return 0;
}
