#include "engine/dist/open_group.h"

#include "engine/dist/make_nccl.h"
#include "engine/dist/mpi_group.h"
#include "engine/dist/mpi_library.h"
#include "engine/dist/nccl_group.h"
#include "kernels/device.h"

namespace seqpe::dist {

std::unique_ptr<ProcessGroup> open_group(const Launch& launch, Device device,
                                         const DistConfig& config) {
  require<UsageError>(launch.launcher == Launcher::mpi,
                      "[dist] several processes must be started by MPI, {} is {} in the "
                      "environment. Hint: {}",
                      launch.told_by, launch.size, kMpirunLine);
  MpiCalls& mpi = open_mpi();
  require<UsageError>(mpi.size() == launch.size,
                      "[dist] MPI must connect the {} processes of {}, it sees {} ({}). Hint: the "
                      "mpirun of another MPI library; with Slurm: srun --mpi=pmix.",
                      launch.size, launch.told_by, mpi.size(), mpi.library());
  auto host = std::make_unique<MpiGroup>(mpi, config.timeout);
  if (device == Device::cpu) return host;
  kernels::choose_device(host->local_rank());
  auto nccl = make_nccl(*host);
  return std::make_unique<NcclGroup>(std::move(nccl), std::move(host), config.deterministic);
}

void leave_group(int code) {
  if (!mpi_is_open()) return;
  if (code == 0) return open_mpi().finish();
  open_mpi().abort(code);
}

}  // namespace seqpe::dist
