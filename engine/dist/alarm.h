// Something that is done unless other work ends in time.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace seqpe::dist {

class Alarm {
 public:
  /// Calls `ring` on a thread of its own, unless it is destroyed within so many seconds.
  Alarm(double seconds, std::function<void()> ring);
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ends_;
  bool ended_ = false;
  std::thread thread_;  // the last member: it ends before what it uses
};

}  // namespace seqpe::dist
