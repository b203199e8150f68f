// The costs as text or JSON on stdout.
#pragma once

#include "tools/kernel_costs/options.h"

namespace seqpe::costs {

/// Throws UsageError if no kernel has `only` in its name.
void print_costs(const Options& options);

}  // namespace seqpe::costs
