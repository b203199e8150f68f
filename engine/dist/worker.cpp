#include "engine/dist/worker.h"

#include <chrono>
#include <utility>

namespace seqpe::dist {
namespace {

constexpr auto kBetweenChores = std::chrono::milliseconds(250);

}  // namespace

Worker::Worker(std::function<void()> chore)
    : chore_(std::move(chore)), thread_([this] { work(); }) {}

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
  auto next_chore = std::chrono::steady_clock::now() + kBetweenChores;
  std::unique_lock lock(mutex_);
  while (true) {
    has_work_.wait_until(lock, next_chore, [&] { return ends_ || !jobs_.empty(); });
    if (ends_ && jobs_.empty()) return;
    if (std::chrono::steady_clock::now() >= next_chore) {
      lock.unlock();
      if (chore_) chore_();
      next_chore = std::chrono::steady_clock::now() + kBetweenChores;
      lock.lock();
      continue;
    }
    if (jobs_.empty()) continue;  // woken by nobody
    std::packaged_task<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace seqpe::dist
