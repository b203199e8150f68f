// Launches of kernels on the emulated device.
#pragma once

#include "kernels/simt/launch.h"

namespace seqpe::simt {

/// Runs every block of the grid, in an order that the schedule chooses, on SEQPE_SIMT_WORKERS
/// threads of the operating system (default 1). Returns when all have ended. Throws Error with
/// every report that the kernel caused.
void run_grid(const Launch& launch, void (*kernel)(void*), void* arguments);

}  // namespace seqpe::simt
