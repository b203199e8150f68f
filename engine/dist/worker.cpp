#include "engine/dist/worker.h"

#include <chrono>
#include <utility>

namespace seqpe::dist {

namespace {

constexpr auto kLongestIdleness = std::chrono::milliseconds(250);

}  // namespace

Worker::Worker(std::function<void()> idle) : idle_(std::move(idle)), thread_([this] { work(); }) {}

Worker::~Worker() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
  }
  has_work_.notify_one();
  thread_.join();
}

std::future<void> Worker::ask(std::function<void()> job) {
  std::packaged_task<void()> task(std::move(job));
  std::future<void> done = task.get_future();
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(task));
  }
  has_work_.notify_one();
  return done;
}

void Worker::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (!has_work_.wait_for(lock, kLongestIdleness, [&] { return ends_ || !jobs_.empty(); })) {
      lock.unlock();
      if (idle_) idle_();
      lock.lock();
      continue;
    }
    if (jobs_.empty()) return;
    std::packaged_task<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace seqpe::dist
