// What the threads of a block wait for that cannot go on.
#pragma once

#include <string>
#include <vector>

#include "kernels/simt/thread.h"

namespace seqpe::simt {

/// A line for each place where lanes wait, equal ones of several warps as one: "warps 0-3 lanes
/// 0000ffff at __syncthreads at kernels/cuda/reduce.cu:41".
std::string describe_waiting(const std::vector<Warp>& warps);

}  // namespace seqpe::simt
