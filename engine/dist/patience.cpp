#include "engine/dist/patience.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

constexpr double kLongestGap = 1;  // seconds

}  // namespace

void throw_late(const char* what, double timeout, double patience) {
  throw CommunicationError(fmt::format(
      "[dist] {} did not end within {} s ({}dist.timeout): another rank hangs, is far slower, or "
      "is gone. Hint: its own messages; the network between the hosts.",
      what, patience * timeout, patience == 1 ? "" : fmt::format("{} times ", patience)));
}

double Waited::seconds(Clock::time_point now) {
  seconds_ += std::min(std::chrono::duration<double>(now - looked_).count(), kLongestGap);
  looked_ = now;
  return seconds_;
}

}  // namespace seqpe::dist
