#include "engine/dist/open_group.h"

#include "engine/dist/mpi_group.h"
#include "engine/dist/mpi_library.h"

namespace seqpe::dist {

std::unique_ptr<ProcessGroup> open_group(const Launch& launch, Device device,
                                         const DistConfig& config) {
  require<UsageError>(launch.launcher == Launcher::mpi,
                      "[dist] several processes on the {} must be started by MPI, {} is {} in the "
                      "environment. Hint: {}",
                      name_of(device), launch.told_by, launch.size, kMpirunLine);
  require<UsageError>(device == Device::cpu,
                      "[dist] several processes must train on the cpu in this build, asked for {}. "
                      "Hint: --device cpu.",
                      name_of(device));
  MpiCalls& mpi = open_mpi();
  require<UsageError>(mpi.size() == launch.size,
                      "[dist] MPI must connect the {} processes of {}, it sees {} ({}). Hint: the "
                      "mpirun of another MPI library; with Slurm: srun --mpi=pmix.",
                      launch.size, launch.told_by, mpi.size(), mpi.library());
  return std::make_unique<MpiGroup>(mpi, config.timeout);
}

void leave_group(int code) {
  if (!mpi_is_open()) return;
  if (code == 0) return open_mpi().finish();
  open_mpi().abort(code);
}

}  // namespace seqpe::dist
