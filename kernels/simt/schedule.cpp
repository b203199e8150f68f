#include "kernels/simt/schedule.h"

#include <cstdlib>
#include <string>

#include "kernels/common/error.h"

namespace seqpe::simt {
namespace {

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
  const std::string seed = environment("SEQPE_SIMT_SEED", "1");
  char* end = nullptr;
  options.seed = static_cast<unsigned>(std::strtoul(seed.c_str(), &end, 10));
  require(!seed.empty() && *end == '\0',
          "[simt] SEQPE_SIMT_SEED must be an integer >= 0, got '{}'.", seed);
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

void set_schedule(const ScheduleOptions& options) {
  current() = options;
}

}  // namespace seqpe::simt
