// A signal that the code of a kernel caused.
#pragma once

#include <cstddef>
#include <string>

namespace seqpe::simt {

struct Fault {
  int signal = 0;
  const void* code = nullptr;  // the instruction
  const std::byte* address = nullptr;
  bool writes = false;
};

/// "a segmentation fault: read at address 0x10"
std::string describe(const Fault& fault);

}  // namespace seqpe::simt
