// The processor cores that this process may use.
#pragma once

#include <vector>

namespace seqpe::tools {

/// Their numbers, in order: what taskset or mpirun left it.
std::vector<int> allowed_cores();

}  // namespace seqpe::tools
