// A thread that does one job after the other, in the order in which they were asked for.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

namespace seqpe::dist {

class Worker {
 public:
  /// `chore`: what it does four times a second, between jobs; must not throw.
  explicit Worker(std::function<void()> chore = {});
  /// Waits for the jobs.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// get() of what comes back waits for the job and throws what it threw.
  std::future<void> ask(std::function<void()> job);

 private:
  void work();

  std::function<void()> chore_;
  std::mutex mutex_;
  std::condition_variable has_work_;
  std::deque<std::packaged_task<void()>> jobs_;
  bool ends_ = false;
  std::thread thread_;  // the last member: it ends before what it uses
};

}  // namespace seqpe::dist
