// The costs as text or JSON.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "kernels/simt/source_line.h"
#include "tools/kernel_costs/case_cost.h"
#include "tools/kernel_costs/markdown_table.h"
#include "tools/kernel_costs/program.h"

namespace seqpe::costs {
namespace {

constexpr std::size_t kA100 = 0, kH100 = 1;

std::string percent(double share) {
  return fmt::format("{:.1f} %", 100 * share);
}

std::string both(double a100, double h100) {
  return a100 == 0 ? "?" : fmt::format("{:.0f}, {:.0f} %", 100 * a100, 100 * h100);
}

/// The longest launch of a case.
const LaunchResult& main_launch(const CaseResult& result) {
  return *std::max_element(result.launches.begin(), result.launches.end(),
                           [](const LaunchResult& a, const LaunchResult& b) {
                             return a.bounds[kH100].seconds() < b.bounds[kH100].seconds();
                           });
}

void print_cases(const std::vector<CaseResult>& results) {
  Table table({"kernel", "shape", "MB to move", "sectors", "memory", "banks", "occupancy", "bound",
               "A100 us", "H100 us", "H200 us", "of the roofline"});
  for (const CaseResult& result : results) {
    const LaunchResult& launch = main_launch(result);
    table.add({result.name, result.shape, fmt::format("{:.1f}", result.moved_bytes / 1e6),
               percent(result.sector_efficiency), percent(result.memory_efficiency),
               result.bank_conflict == 0 ? "-" : fmt::format("{}-way", result.bank_conflict),
               both(launch.occupancy[kA100], launch.occupancy[kH100]),
               launch.bounds[kH100].slowest(), fmt::format("{:.1f}", 1e6 * result.seconds[0]),
               fmt::format("{:.1f}", 1e6 * result.seconds[1]),
               fmt::format("{:.1f}", 1e6 * result.seconds[2]),
               both(result.roofline[kA100], result.roofline[kH100])});
  }
  table.print();
}

void print_launches(const std::vector<CaseResult>& results) {
  Table table({"launch", "kernel", "blocks", "threads", "shared B", "registers", "barriers",
               "tensor MB", "scratch MB", "cache MB", "wavefronts", "MMA GFLOP", "bound",
               "H100 us"});
  for (const CaseResult& result : results) {
    for (const LaunchResult& launch : result.launches) {
      const simt::LaunchCost& cost = launch.cost;
      table.add({cost.name, launch.function, fmt::format("{}", cost.blocks),
                 fmt::format("{}", cost.threads), fmt::format("{}", cost.shared_bytes),
                 launch.registers
                     ? fmt::format("{}, {}", launch.registers->sm_80, launch.registers->sm_90)
                     : "?",
                 fmt::format("{:.0f}", cost.barriers),
                 fmt::format("{:.2f}", launch.tensor_bytes / 1e6),
                 fmt::format("{:.2f}", launch.scratch_bytes / 1e6),
                 fmt::format("{:.2f}", cost.total(false).units * simt::kSectorBytes / 1e6),
                 fmt::format("{:.0f}", cost.total(true).units),
                 fmt::format("{:.2f}", cost.mma_flops / 1e9), launch.bounds[kH100].slowest(),
                 fmt::format("{:.2f}", 1e6 * launch.bounds[kH100].seconds())});
    }
  }
  fmt::print("\n");
  table.print();
}

void print_lines(const std::vector<CaseResult>& results) {
  Table table(
      {"launch", "line", "access", "requests", "bytes asked for", "units", "least", "conflict"});
  for (const CaseResult& result : results) {
    for (const LaunchResult& launch : result.launches) {
      for (const simt::SiteCost& site : launch.cost.sites) {
        table.add(
            {launch.cost.name, simt::source_line(site.site),
             fmt::format("{} {}", site.shared ? "shared" : "global", site.write ? "write" : "read"),
             fmt::format("{:.0f}", site.requests), fmt::format("{:.0f}", site.asked_bytes),
             fmt::format("{:.0f}", site.units), fmt::format("{:.0f}", site.least_units),
             site.shared ? fmt::format("{}-way", site.degree) : ""});
      }
    }
  }
  fmt::print("\n");
  table.print();
}

nlohmann::ordered_json json_of(const LaunchResult& launch) {
  const simt::LaunchCost& cost = launch.cost;
  const simt::SiteCost global = cost.total(false), shared = cost.total(true);
  nlohmann::ordered_json json = {{"launch", cost.name},
                                 {"kernel", launch.function},
                                 {"blocks", cost.blocks},
                                 {"counted_blocks", cost.counted_blocks},
                                 {"threads", cost.threads},
                                 {"shared_bytes", cost.shared_bytes},
                                 {"barriers_per_block", cost.barriers},
                                 {"tensor_bytes", launch.tensor_bytes},
                                 {"scratch_bytes", launch.scratch_bytes},
                                 {"sectors", global.units},
                                 {"bytes_asked_for", global.asked_bytes},
                                 {"shared_wavefronts", shared.units},
                                 {"least_shared_wavefronts", shared.least_units},
                                 {"bank_conflict", shared.degree},
                                 {"mma_flops", cost.mma_flops}};
  if (launch.registers)
    json["registers"] = {{"sm_80", launch.registers->sm_80}, {"sm_90", launch.registers->sm_90}};
  for (std::size_t i = 0; i < kGpuCount; ++i) {
    const simt::Bounds& bounds = launch.bounds[i];
    json["bounds_s"][simt::kGpus[i].name] = {{"memory", bounds.memory},
                                             {"cache", bounds.cache},
                                             {"shared", bounds.shared},
                                             {"tensor", bounds.tensor},
                                             {"fma", bounds.fma}};
    if (launch.registers) json["occupancy"][simt::kGpus[i].name] = launch.occupancy[i];
  }
  return json;
}

nlohmann::ordered_json json_of(const CaseResult& result) {
  nlohmann::ordered_json json = {{"kernel", result.name},
                                 {"shape", result.shape},
                                 {"bytes_to_move", result.moved_bytes},
                                 {"sector_efficiency", result.sector_efficiency},
                                 {"memory_efficiency", result.memory_efficiency},
                                 {"bank_conflict", result.bank_conflict}};
  for (std::size_t i = 0; i < kGpuCount; ++i) {
    json["least_s"][simt::kGpus[i].name] = result.seconds[i];
    json["share_of_roofline"][simt::kGpus[i].name] = result.roofline[i];
  }
  for (const LaunchResult& launch : result.launches) json["launches"].push_back(json_of(launch));
  return json;
}

}  // namespace

void print_results(const Options& options) {
  std::vector<CaseResult> results;
  for (const Case& one : cases_named(options.only)) results.push_back(count(one));
  if (options.json) {
    nlohmann::ordered_json json = {{"bench", "kernels"}, {"emulated", true}};
    for (const CaseResult& result : results) json["results"].push_back(json_of(result));
    return fmt::print("{}\n", json.dump(1));
  }
  print_cases(results);
  if (options.launches) print_launches(results);
  if (options.lines) print_lines(results);
}

}  // namespace seqpe::costs
