#include "kernels/simt/fault.h"

#include <fmt/format.h>
#include <signal.h>

namespace seqpe::simt {

std::string describe(const Fault& fault) {
  if (fault.signal == SIGFPE) return "a division of integers by zero, or its result overflows";
  const char* access = fault.writes ? "write" : "read";
  // The processor does not tell an address that has more than its 48 bits.
  if (fault.address == nullptr)
    return fmt::format("a segmentation fault: {} at address 0 or at one of more than 48 bits",
                       access);
  return fmt::format("a segmentation fault: {} at address {}", access, fmt::ptr(fault.address));
}

}  // namespace seqpe::simt
