#include "engine/data/parallel_each.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/common/error.h"

namespace seqpe::data {

namespace {

cpu_set_t allowed_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof(allowed), &allowed);
  return allowed;
}

/// Before anybody bound a thread.
const cpu_set_t kCoresAtStart = allowed_cores();

}  // namespace

int usable_cores() {
  return std::max(1, CPU_COUNT(&kCoresAtStart));
}

void run_on_any_core() {
  ::sched_setaffinity(0, sizeof(kCoresAtStart), &kCoresAtStart);  // where it fails, it is slower
}

void parallel_each(std::int64_t count, int threads, const std::function<void(std::int64_t)>& work) {
  require(threads >= 1, "[threads] expected at least one thread, got {}.", threads);
  std::mutex mutex;
  std::exception_ptr error;
  std::int64_t failed = count;
  std::atomic<std::int64_t> next{0};
  const auto take_items = [&] {
    for (std::int64_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed) error = std::current_exception();
        failed = std::min(failed, i);
      }
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::int64_t i = 1; i < std::min<std::int64_t>(threads, count); ++i)
      others.emplace_back([&] {
        run_on_any_core();
        take_items();
      });
    take_items();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace seqpe::data
