#include "kernels/simt/schedule.h"

#include <cstdlib>
#include <limits>
#include <string>

#include "kernels/common/error.h"
#include "kernels/simt/environment.h"

namespace seqpe::simt {
namespace {

constexpr const char* kThreadNames[] = {"ascending", "descending", "priority"};
constexpr const char* kCopyNames[] = {"late", "early"};

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

ScheduleOptions from_environment() {
  ScheduleOptions options;
  const std::string threads = environment("SEQPE_SIMT_SCHEDULE", "ascending");
  if (threads == "descending") {
    options.threads = ThreadSchedule::descending;
  } else if (threads == "priority") {
    options.threads = ThreadSchedule::priority;
  } else {
    require(threads == "ascending",
            "[simt] SEQPE_SIMT_SCHEDULE must be ascending, descending or priority, got '{}'.",
            threads);
  }
  const std::string copies = environment("SEQPE_SIMT_COPIES", "late");
  require(copies == "late" || copies == "early",
          "[simt] SEQPE_SIMT_COPIES must be late or early, got '{}'.", copies);
  options.copies = copies == "early" ? CopySchedule::early : CopySchedule::late;
  options.seed = static_cast<unsigned>(
      integer_of_environment("SEQPE_SIMT_SEED", 1, 0, std::numeric_limits<unsigned>::max()));
  return options;
}

ScheduleOptions& current() {
  static ScheduleOptions options = from_environment();
  return options;
}

}  // namespace

ScheduleOptions schedule() {
  return current();
}

std::string as_environment(const ScheduleOptions& options) {
  return fmt::format("SEQPE_SIMT_SCHEDULE={} SEQPE_SIMT_COPIES={} SEQPE_SIMT_SEED={}",
                     kThreadNames[static_cast<int>(options.threads)],
                     kCopyNames[static_cast<int>(options.copies)], options.seed);
}

void set_schedule(const ScheduleOptions& options) {
  current() = options;
}

}  // namespace seqpe::simt
