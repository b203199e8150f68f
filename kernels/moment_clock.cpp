// Moments of the host's clock: on the CPU and the emulated device work is done when it is asked
// for.
#include <chrono>

#include "kernels/moment.h"

namespace seqpe::kernels {

struct Moment::Mark {
  std::chrono::steady_clock::time_point time = std::chrono::steady_clock::now();
};

Moment::Moment(const Context&) : mark_(std::make_unique<Mark>()) {}
Moment::~Moment() = default;
Moment::Moment(Moment&&) noexcept = default;
Moment& Moment::operator=(Moment&&) noexcept = default;

double Moment::seconds_since(const Moment& earlier) const {
  return std::chrono::duration<double>(mark_->time - earlier.mark_->time).count();
}

}  // namespace seqpe::kernels
