// Numbers that the host wants to know, but not now.
#pragma once

#include <vector>

#include "engine/core/tensor.h"
#include "kernels/device.h"

namespace seqpe {

/// f64 tensors of one device, as they are when it comes to the place of the construction in its
/// work.
class Readback {
 public:
  explicit Readback(const std::vector<Tensor>& tensors);
  /// All their elements in order. Waits until the device has come there.
  std::vector<double> wait() const;

 private:
  std::vector<double> here_;                                       // of CPU tensors
  std::vector<std::pair<kernels::Readback, std::size_t>> coming_;  // of others, with their counts
};

}  // namespace seqpe
