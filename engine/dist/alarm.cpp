#include "engine/dist/alarm.h"

#include <chrono>
#include <utility>

namespace seqpe::dist {

Alarm::Alarm(double seconds, std::function<void()> ring)
    : thread_([this, seconds, ring = std::move(ring)] {
        std::unique_lock lock(mutex_);
        if (!ends_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return ended_; }))
          ring();
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
