#include "tools/seqpe_engine/ranks.h"

#include <fmt/format.h>

#include <memory>
#include <sstream>

#include "engine/core/warning.h"
#include "engine/dist/open_group.h"

namespace seqpe::tools {
namespace {

std::unique_ptr<dist::ProcessGroup>& opened() {
  static std::unique_ptr<dist::ProcessGroup> group;
  return group;
}

void check_same_configuration(const models::Config& config, dist::ProcessGroup& ranks) {
  models::Config copy = config;
  std::string mine;  // a line a key
  for (const config::Field& field : models::fields_of(copy))
    mine += fmt::format("{}: {}\n", field.key, field.get());
  const std::vector<std::string> all = ranks.gather(mine);
  for (std::size_t r = 1; r < all.size(); ++r) {
    std::istringstream first(all[0]), other(all[r]);
    for (std::string a, b; std::getline(first, a) && std::getline(other, b);) {
      require<ConfigError>(a == b,
                           "[config] all processes must have one configuration; rank 0 has {}, "
                           "rank {} {}. Hint: the same command and files on each host.",
                           a, r, b);
    }
  }
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

dist::ProcessGroup& open_ranks(const models::Config& config, Device device) {
  const dist::Launch launch = dist::find_launch();
  if (launch.launcher == dist::Launcher::none) return dist::single_process();
  if (!opened()) opened() = dist::open_group(launch, device, config.dist);
  dist::ProcessGroup& ranks = *opened();
  if (!ranks.is_first()) silence_warnings();
  check_same_configuration(config, ranks);
  return ranks;
}

train::Verbosity verbosity_of(const dist::ProcessGroup& ranks, train::Verbosity verbosity) {
  return ranks.is_first() ? verbosity : train::Verbosity::quiet;
}

std::string rank_prefix() {
  const dist::Launch found = launch_or_none();
  return found.size == 1 ? "" : fmt::format("[rank {}] ", found.rank);
}

bool speaks_for_all() {
  return launch_or_none().rank == 0;
}

void close_ranks(int code) {
  const bool in_order = code == 0 || code == StoppedError("").exit_code();
  if (in_order) opened().reset();
  dist::leave_group(in_order ? 0 : code);
}

}  // namespace seqpe::tools
