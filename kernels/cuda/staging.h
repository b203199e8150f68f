// Page-locked host memory on the way to or from a GPU: it copies to and from it by itself, while
// the host goes on. From any other memory a copy makes the host wait.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace seqpe::kernels::cuda {

/// A block of it. Given back by the destructor, it serves again once the device has passed the
/// mark.
class Staging {
 public:
  explicit Staging(std::size_t bytes);
  ~Staging();
  Staging(Staging&& other) noexcept;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  void* data() const;
  /// Sets the mark behind the copy that was asked for.
  void mark(cudaStream_t stream) const;
  /// Waits until the device has passed the mark; the block's memory.
  const void* wait() const;

  struct Block;

 private:
  Block* block_;
};

}  // namespace seqpe::kernels::cuda
