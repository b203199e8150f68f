// Points of time in the order of a stream, to tell how long work took where it was done. Twin files
// as kernels/device.h's.
#pragma once

#include <memory>

#include "kernels/common/context.h"

namespace seqpe::kernels {

/// When all that was asked of the context's stream before is done; on the CPU: now.
class Moment {
 public:
  explicit Moment(const Context& context);
  ~Moment();
  Moment(Moment&& other) noexcept;
  Moment& operator=(Moment&& other) noexcept;

  /// Since `earlier`, a moment of the same device. Waits for this one.
  double seconds_since(const Moment& earlier) const;

 private:
  struct Mark;
  std::unique_ptr<Mark> mark_;
};

}  // namespace seqpe::kernels
