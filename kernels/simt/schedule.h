// In which order the emulator runs what a GPU runs at once. A fair, ascending order hides most
// mistakes: a kernel's test runs under several.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace seqpe::simt {

enum class ThreadSchedule : std::uint8_t {
  ascending,
  descending,
  priority,  // the runnable lane of the most urgent warp; priorities are drawn anew for each block
};

/// When a cp.async writes: as late as it may, when its thread waits for it, or at once.
enum class CopySchedule : std::uint8_t { late, early };

struct ScheduleOptions {
  ThreadSchedule threads = ThreadSchedule::ascending;
  CopySchedule copies = CopySchedule::late;
  unsigned seed = 1;
};

/// What kernel tests run under.
constexpr std::array<ScheduleOptions, 4> kTestSchedules{{
    {ThreadSchedule::ascending, CopySchedule::late, 1},
    {ThreadSchedule::descending, CopySchedule::late, 1},
    {ThreadSchedule::priority, CopySchedule::late, 2},
    {ThreadSchedule::priority, CopySchedule::early, 3},
}};

/// The schedule of the launches to come. At first SEQPE_SIMT_SCHEDULE (ascending, descending or
/// priority), SEQPE_SIMT_COPIES (late or early) and SEQPE_SIMT_SEED say it. Throws Error for a word
/// that is none of these.
ScheduleOptions schedule();
void set_schedule(const ScheduleOptions& options);

/// "SEQPE_SIMT_SCHEDULE=priority SEQPE_SIMT_COPIES=late SEQPE_SIMT_SEED=2": what repeats it.
std::string as_environment(const ScheduleOptions& options);

}  // namespace seqpe::simt
