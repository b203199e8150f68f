// The group of the processes that a launcher started.
#pragma once

#include <memory>

#include "engine/dist/launch.h"
#include "engine/dist/process_group.h"

namespace seqpe::dist {

/// What connects the hosts, for tensors of `device`; once a process. Throws UsageError where such
/// tensors cannot travel between processes that were launched so, CommunicationError where the
/// others are not reached.
std::unique_ptr<ProcessGroup> open_hosts(const Launch& launch, Device device,
                                         const DistConfig& config);
/// What connects their devices as well: NCCL for `cuda`. Throws CommunicationError where it cannot.
std::unique_ptr<ProcessGroup> with_devices(std::unique_ptr<ProcessGroup> hosts, Device device,
                                           const DistConfig& config);

/// Parts from the other ranks at the end of the process: in good order (code 0), together with
/// them, or by ending them all, and this process. Returns where there are none.
void leave_group(int code);

}  // namespace seqpe::dist
