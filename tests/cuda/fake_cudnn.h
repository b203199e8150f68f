// A cuDNN that runs the graphs it is given on the CPU, operation by operation as its manual defines
// them (fake_cudnn_graph.h), on memory of the host. It refuses what is incomplete or does not fit
// together. What it cannot prove: that the library has an engine for a graph, and what its random
// numbers are.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "kernels/cuda/cudnn_functions.h"

namespace seqpe::test {

struct FakeCudnn {
  std::string missing;  // why there is no library, or empty
  // With what these fail; the words are "no handle", "no engine" and "no run of the fake".
  cudnnStatus_t handle_status = CUDNN_STATUS_SUCCESS, plan_status = CUDNN_STATUS_SUCCESS,
                run_status = CUDNN_STATUS_SUCCESS;
  int compute_capability = 90;
  int plans_tried = 0, plans = 0, runs = 0;
  void* stream = nullptr;              // of the last run
  void* workspace = nullptr;           // likewise
  std::size_t workspace_bytes = 4096;  // that every plan asks for
  std::set<std::int64_t> numbers;      // of the last run's memory
};

/// The fake that kernels::cuda::cudnn_functions gives.
FakeCudnn& fake_cudnn();

}  // namespace seqpe::test
