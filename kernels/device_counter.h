// A count that work on the device raises where it stands, for a host that looks while that work
// runs. Twin files as kernels/device.h's, on a GPU cuda/device_counter_gpu.cu.
#pragma once

#include <cstdint>

#include "kernels/common/context.h"

namespace seqpe::kernels {

/// From 0 on. It must outlive the work that raises it, and the recordings that hold such work.
class DeviceCounter {
 public:
  DeviceCounter();
  ~DeviceCounter();
  DeviceCounter(const DeviceCounter&) = delete;
  DeviceCounter& operator=(const DeviceCounter&) = delete;

  /// One more, in the order of the context's stream.
  void raise(const Context& context);
  /// Waits for nothing. From any thread.
  std::uint64_t value() const;

 private:
  std::uint64_t* count_ = nullptr;
};

}  // namespace seqpe::kernels
