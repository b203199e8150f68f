// Working memory of a CPU kernel: aligned to 64 bytes, uninitialised, kept for the next kernel when
// given back. Throws OutOfMemoryError when the memory is not there.
#pragma once

#include <cstddef>

namespace seqpe::kernels {

class Scratch {
 public:
  explicit Scratch(std::size_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <typename T>
  T* as() const {
    return static_cast<T*>(block_);
  }

  /// Bytes held from the system, in use or waiting.
  static std::size_t reserved();
  /// Gives every waiting block back to the system.
  static void release_cached();
  /// `release`: called before a request is refused, to give back memory that others keep waiting.
  static void on_shortage(void (*release)());

 private:
  void* block_ = nullptr;
};

}  // namespace seqpe::kernels
