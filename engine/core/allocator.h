// Memory of tensors: a caching allocator with exact accounting. Freed blocks wait for the next
// request of about their size, so a training step after the first asks the system for nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/common/context.h"

namespace seqpe {

struct MemoryStats {
  std::size_t current = 0;   // bytes in live tensors, as asked for
  std::size_t peak = 0;      // the largest `current` since the last reset_peak
  std::size_t reserved = 0;  // bytes held from the system, live or waiting, kernels' scratch too
};

class Allocator {
 public:
  virtual ~Allocator() = default;
  /// At least `bytes` bytes, aligned to 64, uninitialised. Throws OutOfMemoryError when the memory
  /// is not there.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void deallocate(void* block, std::size_t bytes) = 0;
  virtual MemoryStats stats() const = 0;
  virtual void reset_peak() = 0;
  /// Gives every waiting block back to the system, but for those of recorded work
  /// (kernels/recording.h) while there is any.
  virtual void release_cached() = 0;
};

/// While one lives, a device serves from the memory of recorded work: for the tensors of a training
/// step, which nobody reads any more when recorded work is played again. One at a time.
class StepMemory {
 public:
  StepMemory();
  ~StepMemory();
  StepMemory(const StepMemory&) = delete;
  StepMemory& operator=(const StepMemory&) = delete;
};

/// The allocator of a device. Throws DeviceError for a device that this build does not have.
Allocator& allocator(Device device);

}  // namespace seqpe
