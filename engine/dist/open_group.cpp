#include "engine/dist/open_group.h"

#include <cstdio>
#include <cstdlib>

#include "engine/dist/make_nccl.h"
#include "engine/dist/mpi_group.h"
#include "engine/dist/mpi_library.h"
#include "engine/dist/nccl_group.h"
#include "engine/dist/tcp_group.h"
#include "kernels/device.h"

namespace seqpe::dist {

namespace {

bool met_over_tcp = false;

std::unique_ptr<ProcessGroup> open_mpi_group(const Launch& launch, const DistConfig& config) {
  MpiCalls& mpi = open_mpi();
  require<UsageError>(mpi.size() == launch.size,
                      "[dist] MPI must connect the {} processes of {}, it sees {} ({}). Hint: the "
                      "mpirun of another MPI library; with Slurm: srun --mpi=pmix.",
                      launch.size, launch.told_by, mpi.size(), mpi.version());
  return std::make_unique<MpiGroup>(mpi, config.timeout);
}

std::unique_ptr<ProcessGroup> open_tcp_group(const Launch& launch, Device device,
                                             const DistConfig& config) {
  const bool on_gpu = device == Device::cuda && kernels::cuda_device() == kernels::CudaDevice::gpu;
  require<UsageError>(on_gpu,
                      "[dist] several processes without a GPU each must be started by MPI, {} is "
                      "{} in the environment. Hint: {}",
                      launch.told_by, launch.size, kMpirunLine);
  met_over_tcp = true;
  return std::make_unique<TcpGroup>(TcpPlace{.rank = launch.rank,
                                             .size = launch.size,
                                             .local_rank = launch.local_rank,
                                             .address = launch.address,
                                             .port = launch.port},
                                    config.timeout);
}

}  // namespace

std::unique_ptr<ProcessGroup> open_hosts(const Launch& launch, Device device,
                                         const DistConfig& config) {
  return launch.launcher == Launcher::mpi ? open_mpi_group(launch, config)
                                          : open_tcp_group(launch, device, config);
}

std::unique_ptr<ProcessGroup> with_devices(std::unique_ptr<ProcessGroup> hosts, Device device,
                                           const DistConfig& config) {
  if (device == Device::cpu) return hosts;
  kernels::choose_device(hosts->local_rank());
  auto nccl = make_nccl(*hosts);
  return std::make_unique<NcclGroup>(std::move(nccl), std::move(hosts), config.deterministic,
                                     config.timeout);
}

void leave_group(int code) {
  if (mpi_is_open()) {
    if (code == 0) return open_mpi().finish();
    open_mpi().abort(code);
  }
  // Ranks that met over TCP see the connection end. What the device still waits for would keep this
  // process: it ends as it is.
  if (code != 0 && met_over_tcp) {
    std::fflush(nullptr);
    std::_Exit(code);
  }
}

}  // namespace seqpe::dist
