// How long a case takes on the device, call by call.
#pragma once

#include <string>
#include <vector>

#include "tools/kernel_costs/case.h"

namespace seqpe::costs {

struct Timing {
  int warmup = 3, repeats = 20;
  /// Cleared before each call, so that it finds none of its arrays in the L2 cache, as a kernel in
  /// a training step. While that lasts the host asks for the call: launching it is not measured.
  std::size_t cold_bytes = std::size_t{256} << 20;
};

struct CaseTime {
  std::string name, shape;
  double moved_bytes = 0;       // that must be moved
  std::vector<double> seconds;  // of the calls, ascending
  double median() const { return seconds[seconds.size() / 2]; }
};

/// All calls use the same arrays, zeros before the first.
CaseTime time(const Case& one, const Timing& timing);

}  // namespace seqpe::costs
