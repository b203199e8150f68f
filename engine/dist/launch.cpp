#include "engine/dist/launch.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <optional>

#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

std::optional<std::string> text_of(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

std::optional<int> number_of(const char* name) {
  const auto text = text_of(name);
  if (!text) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  require<UsageError>(error == std::errc() && end == text->data() + text->size() && value >= 0,
                      "[dist] the variable {} must be a whole number, it is '{}'.", name, *text);
  return value;
}

constexpr int kMasterPort = 29500;  // torchrun's default

/// What a launcher calls the rank and the number of ranks.
struct Names {
  const char *rank, *size;
};
constexpr Names kMpiNames[] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},  // Open MPI
                               {"PMI_RANK", "PMI_SIZE"},                          // MPICH, srun
                               {"PMIX_RANK", "SLURM_NTASKS"}};                    // srun --mpi=pmix

/// As these variables tell it, also of one process; none where they are not set.
std::optional<Launch> found(const Names& names, Launcher launcher) {
  const auto rank = number_of(names.rank), size = number_of(names.size);
  if (!rank || !size) return std::nullopt;
  if (*size <= 1) return Launch{};
  require<UsageError>(*rank < *size, "[dist] {} must be below {} ({}), it is {}.", names.rank,
                      names.size, *size, *rank);
  return Launch{launcher, *rank, *size, names.size};
}

}  // namespace

Launch find_launch() {
  // torchrun under srun passes on the variables of srun, which started it and not its processes.
  const bool by_torchrun = text_of("TORCHELASTIC_RUN_ID").has_value();
  for (const Names& names : kMpiNames) {
    if (by_torchrun) break;
    const auto launch = found(names, Launcher::mpi);
    if (!launch) continue;
    if (launch->size > 1) return *launch;
    break;  // mpirun -np 1 in an allocation of many tasks
  }
  const auto world = number_of("WORLD_SIZE");
  require<UsageError>(world != 0, "[dist] the variable WORLD_SIZE must be at least 1, it is 0.");
  if (!world || *world <= 1) return {};
  for (const char* name : {"RANK", "MASTER_ADDR"}) {
    require<UsageError>(
        text_of(name).has_value(),
        "[dist] WORLD_SIZE is {}, so {} must be set too. Hint: torchrun sets all of them; for one "
        "process unset WORLD_SIZE; with MPI: {}",
        *world, name, kMpirunLine);
  }
  Launch launch = found({"RANK", "WORLD_SIZE"}, Launcher::store).value_or(Launch{});
  launch.address = *text_of("MASTER_ADDR");
  // torchrun's own store listens on the port that it tells.
  launch.port = number_of("MASTER_PORT").value_or(kMasterPort) +
                (text_of("TORCHELASTIC_USE_AGENT_STORE") == "True" ? 1 : 0);
  constexpr int kLastPort = 65535;
  require<UsageError>(launch.port <= kLastPort,
                      "[dist] MASTER_PORT must be at most {}, the port of this job would be {}.",
                      kLastPort, launch.port);
  launch.local_rank = number_of("LOCAL_RANK").value_or(launch.rank);
  return launch;
}

std::string restart_words(const Launch& launch) {
  if (launch.launcher != Launcher::mpi) return "";
  const bool by_srun =
      text_of("SLURM_STEP_NUM_TASKS").has_value() && launch.told_by != kMpiNames[0].size;
  if (!by_srun) return fmt::format("mpirun -np {} --bind-to none ", launch.size);
  return fmt::format("srun -n {} --mpi={} ", launch.size,
                     launch.told_by == kMpiNames[1].size ? "pmi2" : "pmix");
}

int unconnected_tasks() {
  return find_launch().launcher == Launcher::none ? number_of("SLURM_STEP_NUM_TASKS").value_or(1)
                                                  : 1;
}

}  // namespace seqpe::dist
