// Moments in the order of a device's work. Twin files: moment_emulated.cpp, moment_gpu.cpp.
#pragma once

#include <memory>

#include "kernels/common/context.h"

namespace seqpe::costs {

/// When the device has done what the stream was asked for so far.
class Moment {
 public:
  explicit Moment(const Context& context);
  /// Waits until this moment has come.
  double seconds_since(const Moment& earlier) const;

 private:
  std::shared_ptr<void> state_;
};

}  // namespace seqpe::costs
