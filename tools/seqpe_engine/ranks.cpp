#include "tools/seqpe_engine/ranks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "engine/core/message.h"
#include "engine/core/warning.h"
#include "engine/dist/alarm.h"
#include "engine/dist/host.h"
#include "engine/dist/open_group.h"
#include "engine/train/signals.h"
#include "kernels/common/isa.h"
#include "seqpe_engine/commit.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/cores.h"

namespace seqpe::tools {
namespace {

std::unique_ptr<dist::ProcessGroup>& opened() {
  static std::unique_ptr<dist::ProcessGroup> group;
  return group;
}

/// dist.timeout of the group.
double& timeout() {
  static double seconds = 0;
  return seconds;
}

/// Other code or another instruction set rounds differently: weights that every rank computes for
/// itself would drift apart.
void check_same_configuration(const models::Config& config, dist::ProcessGroup& ranks) {
  models::Config copy = config;
  std::string mine = fmt::format("commit: {}\ninstruction set: {}\n", kCommit,
                                 kernels::name_of(kernels::active_isa()));  // a line a key
  for (const config::Field& field : models::fields_of(copy))
    mine += fmt::format("{}: {}\n", field.key, field.get());
  const std::vector<std::string>& words = command_line();
  mine += fmt::format("the command: {}\n", fmt::join(words.begin() + 1, words.end(), " "));
  const std::vector<std::string> all = ranks.gather(mine);
  for (std::size_t r = 1; r < all.size(); ++r) {
    std::istringstream first(all[0]), other(all[r]);
    for (std::string a, b; std::getline(first, a) && std::getline(other, b);) {
      require<ConfigError>(a == b,
                           "[config] all processes must have one configuration; rank 0 has {}, "
                           "rank {} {}. Hint: the same command and files on each host; SEQPE_ISA "
                           "forces an instruction set.",
                           a, r, b);
    }
  }
}

/// Cores that several ranks may use are divided among them, where nobody said how many.
void share_cores(const models::Config& config, dist::ProcessGroup& ranks) {
  require<ConfigError>(!config.train.pin,
                       "[config] train.pin must be false for several processes. Hint: mpirun "
                       "--bind-to core.");
  const std::vector<int> cores = allowed_cores();
  const std::string here = fmt::format("{} {}", dist::host_name(), fmt::join(cores, " "));
  const std::vector<std::string> places = ranks.gather(here);
  if (config.train.threads > 0 || std::getenv("OMP_NUM_THREADS") != nullptr) return;
  const auto sharing = std::count(places.begin(), places.end(), here);
  set_threads(std::max<std::int64_t>(1, std::ssize(cores) / sharing));
}

/// MPI's start and end cannot be called off, and wait for ever for a process that does not come.
constexpr double kMeetingPatience = 2;

[[noreturn]] void give_up(const char* what) {
  const CommunicationError error(fmt::format(
      "[dist] the processes did not {} within {} s ({} times dist.timeout): one did not start, is "
      "stopped, or runs another command. Hint: their own messages; a larger dist.timeout where "
      "they start further apart.",
      what, kMeetingPatience * timeout(), kMeetingPatience));
  tell_error(error.what());
  std::fflush(nullptr);
  std::_Exit(error.exit_code());
}

/// Where the variables of a launcher are wrong this process speaks for itself.
dist::Launch launch_or_none() {
  try {
    return dist::find_launch();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

dist::ProcessGroup& open_hosts(const models::Config& config, Device device) {
  const dist::Launch launch = dist::find_launch();
  if (launch.launcher == dist::Launcher::none) {
    if (const int tasks = dist::unconnected_tasks(); tasks > 1) {
      warn(
          fmt::format("[dist] srun started {} processes, and each works alone. Hint: srun "
                      "--mpi=pmix connects them.",
                      tasks));
    }
    return dist::single_process();
  }
  {
    timeout() = config.dist.timeout;
    const dist::Alarm alarm(kMeetingPatience * timeout(), [] { give_up("meet"); });
    opened() = dist::open_hosts(launch, device, config.dist);
  }
  if (!opened()->is_first()) silence_warnings();
  check_same_configuration(config, *opened());
  return *opened();
}

dist::ProcessGroup& connect_devices(const models::Config& config, Device device) {
  if (!opened()) return dist::single_process();
  opened() = dist::with_devices(std::move(opened()), device, config.dist);
  share_cores(config, *opened());
  return *opened();
}

dist::ProcessGroup& open_ranks(const models::Config& config, Device device) {
  open_hosts(config, device);
  return connect_devices(config, device);
}

train::Verbosity verbosity_of(const dist::ProcessGroup& ranks, train::Verbosity verbosity) {
  return ranks.is_first() ? verbosity : train::Verbosity::quiet;
}

std::string how_to_go_on() {
  const dist::Launch launch = launch_or_none();
  if (launch.launcher == dist::Launcher::store)
    return fmt::format("go on, with {} processes again, by: ", launch.size);
  return "go on with: " + dist::restart_words(launch);
}

void tell_error(const std::string& what) {
  const dist::Launch found = launch_or_none();
  tell(fmt::format("{}seqpe_engine: error: {}\n",
                   found.size == 1 ? "" : fmt::format("[rank {}] ", found.rank), what));
}

bool speaks_for_all() {
  return launch_or_none().rank == 0;
}

int close_ranks(int code) {
  const bool in_order =
      code == 0 || (code == StoppedError("").exit_code() && train::stop_was_agreed());
  try {
    if (!in_order) {
      dist::leave_group(code);
    } else if (opened()) {
      opened()->leave();
      opened().reset();
      const dist::Alarm alarm(kMeetingPatience * timeout(), [] { give_up("part"); });
      dist::leave_group(0);
    }
    return code;
  } catch (const CommunicationError& error) {
    tell_error(error.what());
    dist::leave_group(error.exit_code());
    return error.exit_code();
  }
}

}  // namespace seqpe::tools
