// The times on a GPU as text or JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernels/common/error.h"
#include "kernels/device.h"
#include "tools/kernel_costs/case_time.h"
#include "tools/kernel_costs/markdown_table.h"
#include "tools/kernel_costs/program.h"

namespace seqpe::costs {
namespace {

/// The device of the context: the first.
std::string gpu_name() {
  for (const auto& [name, value] : kernels::cuda_facts()) {
    if (name == "GPU 0") return value;
  }
  return "unknown";
}

nlohmann::ordered_json json_of(const CaseTime& result) {
  return {{"kernel", result.name},
          {"shape", result.shape},
          {"bytes_to_move", result.moved_bytes},
          {"median_s", result.median()},
          {"seconds", result.seconds}};
}

}  // namespace

void print_results(const Options& options) {
  const std::vector<Case> cases = cases_named(options.only);
  require<DeviceError>(kernels::cuda_device() != kernels::CudaDevice::none,
                       "[bench] kernels --device cuda times on a GPU: {}.", kernels::why_no_cuda());
  nlohmann::ordered_json json = {
      {"bench", "kernels"}, {"gpu", gpu_name()}, {"repeats", options.repeats}};
  Table table({"kernel", "shape", "MB to move", "median us", "least us", "most us", "GB/s"});
  for (const Case& one : cases) {
    const CaseTime result = time(one, {.repeats = options.repeats});
    json["results"].push_back(json_of(result));
    const auto microseconds = [](double seconds) { return fmt::format("{:.1f}", 1e6 * seconds); };
    table.add({result.name, result.shape, fmt::format("{:.1f}", 1e-6 * result.moved_bytes),
               microseconds(result.median()), microseconds(result.seconds.front()),
               microseconds(result.seconds.back()),
               fmt::format("{:.0f}", 1e-9 * result.moved_bytes / result.median())});
  }
  if (options.json) return fmt::print("{}\n", json.dump(1));
  table.print();
}

}  // namespace seqpe::costs
