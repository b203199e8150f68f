// Launches of kernels on the emulated device.
#pragma once

#include "kernels/simt/launch.h"

namespace seqpe::simt {

/// Runs the blocks of the grid, all of them or those that an observer chooses, in an order that the
/// schedule chooses, on SEQPE_SIMT_WORKERS threads of the operating system (default 1). Returns
/// when all have ended. Throws Error with every report that the kernel caused. `code`: the kernel's
/// address, for observers.
void run_grid(const Launch& launch, const void* code, void (*kernel)(void*), void* arguments);

}  // namespace seqpe::simt
