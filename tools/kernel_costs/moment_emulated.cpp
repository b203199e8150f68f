// The emulator has ended a launch when it returns: the host's clock tells.
#include <chrono>

#include "tools/kernel_costs/moment.h"

namespace seqpe::costs {
namespace {

using Time = std::chrono::steady_clock::time_point;

}  // namespace

Moment::Moment(const Context&) : state_(std::make_shared<Time>(std::chrono::steady_clock::now())) {}

double Moment::seconds_since(const Moment& earlier) const {
  const auto time = [](const Moment& moment) { return *static_cast<Time*>(moment.state_.get()); };
  return std::chrono::duration<double>(time(*this) - time(earlier)).count();
}

}  // namespace seqpe::costs
