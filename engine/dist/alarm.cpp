#include "engine/dist/alarm.h"

#include <chrono>
#include <utility>

#include "engine/dist/patience.h"

namespace seqpe::dist {
namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds(50);

}  // namespace

Alarm::Alarm(double seconds, std::function<void()> ring)
    : thread_([this, seconds, ring = std::move(ring)] {
        Waited waited;
        std::unique_lock lock(mutex_);
        while (!ends_.wait_for(lock, kBetweenLooks, [&] { return ended_; })) {
          if (waited.seconds() >= seconds) return ring();
        }
      }) {}

Alarm::~Alarm() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  ends_.notify_one();
  thread_.join();
}

}  // namespace seqpe::dist
