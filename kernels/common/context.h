// Where a kernel runs, and whether it overwrites its output.
#pragma once

#include <cstdint>

namespace seqpe {

enum class Device : std::uint8_t { cpu, cuda };

constexpr const char* name_of(Device device) {
  return device == Device::cpu ? "cpu" : "cuda";
}

/// What a kernel's launch needs beside its arguments. On the CPU the stream is unused.
struct Context {
  Device device = Device::cpu;
  void* stream = nullptr;
};

/// How a kernel treats its output: `=` or `+=`.
enum class Write : std::uint8_t { overwrite, accumulate };

}  // namespace seqpe
