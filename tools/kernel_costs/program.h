// What the programs behind `seqpe_engine bench kernels` print. Twin files: costs.cpp, times.cpp.
#pragma once

#include "tools/kernel_costs/options.h"

namespace seqpe::costs {

/// Text or JSON on stdout. Throws UsageError if no kernel has `only` in its name.
void print_results(const Options& options);

}  // namespace seqpe::costs
