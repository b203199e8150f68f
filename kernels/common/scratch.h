// Working memory of a CPU kernel: aligned to 64 bytes, uninitialised, kept for the next kernel when
// given back.
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

 private:
  void* block_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace seqpe::kernels
