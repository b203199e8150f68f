// Time by kernel, for `seqpe_engine bench`. Off by default: then a kernel's timer costs one branch.
#pragma once

#include <cstdint>
#include <vector>

namespace seqpe::kernels {

struct KernelTime {
  const char* name = nullptr;
  double seconds = 0.0;  // its own, without kernels that it calls
  std::int64_t calls = 0;
};

/// Starts counting from zero, the kernels that the calling thread runs.
void start_profile();

/// Stops counting and returns the kernels that ran, slowest first.
std::vector<KernelTime> stop_profile();

/// Counts the time from construction to destruction for `name`, a string literal.
class KernelTimer {
 public:
  explicit KernelTimer(const char* name) {
    if (counting_) begin(name);
  }
  ~KernelTimer() {
    if (name_ != nullptr) end();
  }
  KernelTimer(const KernelTimer&) = delete;
  KernelTimer& operator=(const KernelTimer&) = delete;

 private:
  friend void start_profile();
  friend std::vector<KernelTime> stop_profile();
  void begin(const char* name);
  void end();

  static bool counting_;
  const char* name_ = nullptr;
  KernelTimer* caller_ = nullptr;
  double begin_ = 0.0;
  double called_ = 0.0;  // seconds of kernels that this one called
};

}  // namespace seqpe::kernels
