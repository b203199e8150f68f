// Who started this process, and beside which others: read from the variables that launchers set.
#pragma once

#include <cstdint>
#include <string>

namespace seqpe::dist {

enum class Launcher : std::uint8_t {
  none,  // this process is alone
  mpi,   // mpirun of Open MPI or MPICH, srun --mpi
  store  // RANK, WORLD_SIZE, MASTER_ADDR, as torchrun sets them
};

struct Launch {
  Launcher launcher = Launcher::none;
  int rank = 0, size = 1;
  std::string told_by;  // the variable that tells the size
  // Of Launcher::store: where rank 0 listens, and the rank among those of its host.
  std::string address;
  int port = 0, local_rank = 0;
};

/// Throws UsageError where the variables do not fit together.
Launch find_launch();

/// The words before a command that start it on as many processes again: "mpirun -np 2 --bind-to
/// none "; none for one process, and where the environment joins them.
std::string restart_words(const Launch& launch);

/// Where srun started this process beside others and nothing connects them: how many; else 1.
int unconnected_tasks();

/// How to start a command on two processes, for messages.
inline constexpr const char* kMpirunLine = "mpirun -np 2 --bind-to none seqpe_engine ...";

}  // namespace seqpe::dist
