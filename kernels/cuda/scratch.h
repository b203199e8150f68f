// Working memory of a device kernel's launcher, in the order of the context's stream.
#pragma once

#include <cstddef>

#include "kernels/common/context.h"

namespace seqpe::kernels::cuda {

inline constexpr const char* kScratchUse = "scratch of a kernel";

/// Uninitialised device memory; given back when the object goes, for the work that is queued then.
class DeviceScratch {
 public:
  DeviceScratch(const Context& context, std::size_t bytes);
  ~DeviceScratch();
  DeviceScratch(const DeviceScratch&) = delete;
  DeviceScratch& operator=(const DeviceScratch&) = delete;

  template <typename T>
  T* as() const {
    return static_cast<T*>(block_);
  }

 private:
  const Context context_;
  void* block_;
};

}  // namespace seqpe::kernels::cuda
