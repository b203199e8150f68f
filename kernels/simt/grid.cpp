#include "kernels/simt/grid.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/simt/block.h"
#include "kernels/simt/environment.h"
#include "kernels/simt/last_words.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/report.h"

namespace seqpe::simt {
namespace {

std::size_t worker_count() {
  return static_cast<std::size_t>(
      integer_of_environment("SEQPE_SIMT_WORKERS", 1, 1, SharedVariable::kMostWorkers));
}

BlockRunner& runner_of(std::size_t worker) {
  static std::vector<std::unique_ptr<BlockRunner>> runners;
  while (runners.size() <= worker)
    runners.push_back(std::make_unique<BlockRunner>(static_cast<int>(runners.size())));
  return *runners[worker];
}

}  // namespace

void run_grid(const Launch& launch, const void* code, void (*kernel)(void*), void* arguments) {
  static unsigned launches = 0;
  check_launch(launch);
  const dim3 &grid = launch.grid, &block = launch.block;
  const std::vector<std::uint64_t> chosen = observe_launch(launch, code);
  const std::uint64_t blocks =
      chosen.empty() ? std::uint64_t{grid.x} * grid.y * grid.z : chosen.size();
  const ScheduleOptions options = schedule();
  const Grid running{{grid.x, grid.y, grid.z},
                     {block.x, block.y, block.z},
                     launch.shared_bytes,
                     kernel,
                     arguments,
                     ++launches};
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> stopped{false};
  const long seconds = seconds_of_block();
  const auto work = [&](BlockRunner& runner) {
    const LastWords last_words(launch.kernel, code, seconds);
    runner.begin(running, options);
    for (std::uint64_t i = next++; i < blocks && !stopped; i = next++) {
      const std::uint64_t place =
          options.threads == ThreadSchedule::descending ? blocks - 1 - i : i;
      const std::uint64_t b = chosen.empty() ? place : chosen[place];
      const auto x = static_cast<unsigned>(b % grid.x),
                 y = static_cast<unsigned>(b / grid.x % grid.y),
                 z = static_cast<unsigned>(b / (std::uint64_t{grid.x} * grid.y));
      if (!runner.run({x, y, z})) stopped = true;
    }
  };
  const std::size_t workers = std::min<std::size_t>(worker_count(), blocks);
  std::vector<std::thread> others;
  for (std::size_t worker = 0; worker < workers; ++worker) runner_of(worker);
  for (std::size_t worker = 1; worker < workers; ++worker)
    others.emplace_back([&work, worker] { work(runner_of(worker)); });
  work(runner_of(0));
  for (std::thread& other : others) other.join();
  observe_launch_end();
  throw_reports(launch.kernel);
}

}  // namespace seqpe::simt
