#include "kernels/simt/block.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>

#include "kernels/common/error.h"
#include "kernels/simt/deadlock.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/report.h"
#include "kernels/simt/source_line.h"

namespace seqpe::simt {

__thread Thread* current_thread = nullptr;
__thread BlockCoordinates current_block{};

namespace {

thread_local BlockRunner* runner = nullptr;

// Red zones around static variables; bytes of it that a kernel reads are NaN.
constexpr std::uint32_t kRedZone = 64;

std::uint32_t round_up(std::uint32_t value, std::uint32_t unit) {
  return (value + unit - 1) / unit * unit;
}

bool lies_in(const void* pointer, const void* begin, std::size_t bytes) {
  const auto* byte = static_cast<const std::byte*>(pointer);
  return byte >= begin && byte < static_cast<const std::byte*>(begin) + bytes;
}

}  // namespace

BlockRunner* current_runner() {
  return runner;
}

std::uint64_t block_number() {
  const uint3 &index = current_block.index, &size = current_block.grid;
  return index.x + std::uint64_t{size.x} * (index.y + std::uint64_t{size.y} * index.z);
}

std::string where(const Thread& thread) {
  const uint3 &index = thread.index, &block = current_block.index;
  return fmt::format("thread ({}, {}, {}) of block ({}, {}, {})", index.x, index.y, index.z,
                     block.x, block.y, block.z);
}

void BlockRunner::FreeMemory::operator()(std::byte* memory) const {
  std::free(memory);
}

BlockRunner::BlockRunner(int worker) : worker_(worker), fibers_(kMostThreads + 1, fiber_main) {
  shared_.reset(static_cast<std::byte*>(std::aligned_alloc(4096, kSharedBuffer)));
  require<DeviceError>(shared_ != nullptr, "[simt] out of memory: {} bytes of shared memory.",
                       kSharedBuffer);
}

BlockRunner::~BlockRunner() = default;

void BlockRunner::begin(const Grid& grid, const ScheduleOptions& schedule) {
  grid_ = grid;
  schedule_ = schedule;
  random_.seed(schedule.seed);
  variables_.clear();
  shared_top_ = round_up(static_cast<std::uint32_t>(grid.shared_bytes), 128);
  if (grid.shared_bytes > 0) variables_.push_back({0, grid.shared_bytes});
  current_block = {grid.size, grid.block, {}, shared_.get()};
}

void BlockRunner::set_up_threads() {
  const uint3& extent = grid_.block;
  thread_count_ = extent.x * extent.y * extent.z;
  if (threads_.size() < thread_count_) threads_.resize(thread_count_);
  warps_.assign((thread_count_ + kWarpSize - 1) / kWarpSize, {});
  for (unsigned i = 0; i < thread_count_; ++i) {
    Thread& thread = threads_[i];
    Warp& warp = warps_[i / kWarpSize];
    thread.index = {i % extent.x, i / extent.x % extent.y, i / (extent.x * extent.y)};
    thread.linear = i;
    thread.lane = i % kWarpSize;
    thread.warp = &warp;
    thread.fiber = nullptr;
    thread.state = ThreadState::not_started;
    thread.site = nullptr;
    thread.next_at_barrier = nullptr;
    thread.copies.clear();
    thread.copy_groups.clear();
    warp.index = i / kWarpSize;
    warp.lanes[thread.lane] = &thread;
    warp.existing |= 1u << thread.lane;
  }
  for (Warp& warp : warps_) warp.live = warp.existing;
  barrier_ = {};
  live_ = thread_count_;
  next_to_start_ = 0;
  queue_.clear();
  queue_head_ = 0;
  deadlocked_ = false;
}

void BlockRunner::choose_order() {
  start_order_.resize(thread_count_);
  std::iota(start_order_.begin(), start_order_.end(), 0u);
  if (schedule_.threads == ThreadSchedule::descending)
    std::reverse(start_order_.begin(), start_order_.end());
  if (schedule_.threads != ThreadSchedule::priority) return;
  priority_.resize(warps_.size());
  std::iota(priority_.begin(), priority_.end(), 0u);
  std::shuffle(priority_.begin(), priority_.end(), random_);
  ready_lanes_.assign(warps_.size(), 0);
  start_order_.clear();
  for (const unsigned warp : priority_) {
    for (std::uint32_t lanes = warps_[warp].existing; lanes != 0; lanes &= lanes - 1)
      start_order_.push_back(warp * kWarpSize + static_cast<unsigned>(std::countr_zero(lanes)));
  }
}

bool BlockRunner::run(const uint3& index) {
  runner = this;
  current_block.index = index;
  ++runs_;
  set_up_threads();
  choose_order();
  std::memset(shared_.get(), 0xff, shared_top_);
  observe_block();
  switch_to(system_thread_, fibers_.take());
  observe_block_end();
  current_thread = nullptr;
  runner = nullptr;
  if (deadlocked_) fibers_.restart_all();
  return !deadlocked_;
}

void BlockRunner::switch_to(Fiber& from, Fiber& to) {
  running_ = &to;
  switch_fiber(from, to);
}

void BlockRunner::fiber_main() {
  fiber_entered();
  for (;;) runner->run_threads();
}

/// One thread from its beginning to its end, if any has not started; then whoever may go on.
void BlockRunner::run_threads() {
  Fiber& self = *running_;
  if (has_unstarted()) {
    Thread& thread = threads_[start_order_[next_to_start_++]];
    thread.fiber = &self;
    thread.state = ThreadState::running;
    current_thread = &thread;
    grid_.kernel(grid_.arguments);
    finish(thread);
  }
  if (Thread* next = next_ready()) {
    fibers_.give_back(self);
    go_on_with(self, *next);
  } else if (!has_unstarted()) {
    if (live_ > 0) report_deadlock();
    fibers_.give_back(self);
    switch_to(self, system_thread_);
  }
}

void BlockRunner::finish(Thread& thread) {
  if (!thread.copies.empty()) {
    const void* site = thread.copies.front().site;
    report_at({site}, thread, "{} ends with cp.async copies that it never waited for, issued at {}",
              where(), source_line(site));
    thread.copies.clear();
    thread.copy_groups.clear();
  }
  thread.state = ThreadState::finished;
  thread.warp->live &= ~(1u << thread.lane);
  --live_;
  // The barrier counts those that have not finished.
  if (live_ > 0 && barrier_.arrived == live_) release_barrier();
}

void BlockRunner::make_ready(Thread& thread) {
  thread.state = ThreadState::ready;
  if (schedule_.threads == ThreadSchedule::priority) {
    ready_lanes_[thread.warp->index] |= 1u << thread.lane;
  } else {
    queue_.push_back(&thread);
  }
}

Thread* BlockRunner::next_ready() {
  if (schedule_.threads != ThreadSchedule::priority) {
    if (queue_head_ < queue_.size()) return queue_[queue_head_++];
    queue_.clear();
    queue_head_ = 0;
    return nullptr;
  }
  const unsigned unstarted_warp = has_unstarted() ? start_order_[next_to_start_] / kWarpSize : ~0u;
  for (const unsigned warp : priority_) {
    if (ready_lanes_[warp] != 0) {
      const int lane = std::countr_zero(ready_lanes_[warp]);
      ready_lanes_[warp] &= ready_lanes_[warp] - 1;
      return warps_[warp].lanes[static_cast<std::size_t>(lane)];
    }
    if (warp == unstarted_warp) return nullptr;  // more urgent than all that are ready
  }
  return nullptr;
}

void BlockRunner::go_on_with(Fiber& from, Thread& thread) {
  thread.state = ThreadState::running;
  current_thread = &thread;
  if (thread.fiber != &from) switch_to(from, *thread.fiber);
}

void BlockRunner::wait(ThreadState state) {
  Thread& self = *current_thread;
  self.state = state;
  if (Thread* next = next_ready()) {
    go_on_with(*self.fiber, *next);
  } else if (has_unstarted()) {
    switch_to(*self.fiber, fibers_.take());
  } else {
    report_deadlock();
    switch_to(*self.fiber, system_thread_);  // never comes back
  }
}

void BlockRunner::join_collective(std::uint32_t mask, Collective collective, const void* site) {
  Thread& self = *current_thread;
  Warp& warp = *self.warp;
  const std::uint32_t bit = 1u << self.lane;
  self.mask = mask;
  self.collective = collective;
  self.site = site;
  if ((mask & bit) == 0)
    report_at({site}, self, "{} calls a warp collective with mask {:08x}, which lacks it, at {}",
              where(), mask, source_line(site));
  warp.arrived |= bit;
  std::uint32_t needed = mask & warp.existing;
  if ((needed & ~warp.live) != 0) {
    report_at(
        {site}, self,
        "{} calls a warp collective with mask {:08x}, lanes {:08x} of which have ended, at {}",
        where(), mask, needed & ~warp.live, source_line(site));
    needed &= warp.live;
  }
  bool together = (warp.arrived & needed) == needed;
  for (std::uint32_t lanes = needed; together && lanes != 0; lanes &= lanes - 1) {
    const Thread& lane = *warp.lanes[static_cast<std::size_t>(std::countr_zero(lanes))];
    together = lane.mask == mask && lane.collective == collective;
  }
  if (!together) return wait(ThreadState::at_collective);
  collective(warp, needed);
  observe_collective(warp, needed);
  warp.arrived &= ~needed;
  for (std::uint32_t lanes = needed & ~bit; lanes != 0; lanes &= lanes - 1)
    make_ready(*warp.lanes[static_cast<std::size_t>(std::countr_zero(lanes))]);
}

void BlockRunner::join_barrier(const void* site) {
  Thread& self = *current_thread;
  self.site = site;
  self.next_at_barrier = nullptr;
  if (barrier_.first == nullptr) {
    barrier_.first = &self;
  } else {
    barrier_.last->next_at_barrier = &self;
    if (barrier_.first->site != site) observe_two_barriers(*barrier_.first, self);
  }
  barrier_.last = &self;
  ++barrier_.arrived;
  if (barrier_.arrived == live_) return release_barrier();
  wait(ThreadState::at_barrier);
}

/// All who met at the barrier may go on; the caller does, if it is one of them.
void BlockRunner::release_barrier() {
  std::uint32_t met = 0;
  Thread* thread = barrier_.first;
  barrier_ = {};
  while (thread != nullptr) {
    Thread* next = thread->next_at_barrier;
    met |= 1u << thread->warp->index;
    if (thread->state == ThreadState::at_barrier) make_ready(*thread);
    thread = next;
  }
  for (std::uint32_t warps = met; warps != 0; warps &= warps - 1)
    ++warps_[static_cast<std::size_t>(std::countr_zero(warps))].epoch;
  observe_barrier(met);
}

void BlockRunner::report_deadlock() {
  deadlocked_ = true;
  const uint3& block = current_block.index;
  report("deadlock in block ({}, {}, {}): {} threads wait{}", block.x, block.y, block.z, live_,
         describe_waiting(warps_));
}

std::byte* BlockRunner::shared_variable(SharedVariable& variable, std::size_t bytes,
                                        std::size_t alignment, const void* site) {
  const auto worker = static_cast<std::size_t>(worker_);
  if (variable.launch[worker] != grid_.number) {
    const std::uint32_t offset =
        round_up(shared_top_ + kRedZone, static_cast<std::uint32_t>(alignment));
    const std::size_t all = shared_bytes() + bytes, most = most_shared(grid_.shared_bytes);
    if (all > most) {  // no exception leaves a fiber
      report_at({site}, *current_thread,
                "a block has at most {} bytes of shared memory, asked {} at {}", most, all,
                source_line(site));
      return shared_.get();
    }
    shared_top_ = offset + static_cast<std::uint32_t>(bytes) + kRedZone;
    variable.launch[worker] = grid_.number;
    variable.offset[worker] = offset;
    variables_.push_back({offset, bytes});
    std::memset(shared_.get() + offset, 0xff, bytes);
  }
  return shared_.get() + variable.offset[worker];
}

bool BlockRunner::shared_holds(std::uint32_t offset, std::size_t bytes) const {
  return std::any_of(variables_.begin(), variables_.end(), [&](const Variable& variable) {
    return offset >= variable.offset && offset + bytes <= variable.offset + variable.bytes;
  });
}

std::size_t BlockRunner::shared_bytes() const {
  return std::accumulate(
      variables_.begin(), variables_.end(), std::size_t{0},
      [](std::size_t sum, const Variable& variable) { return sum + variable.bytes; });
}

bool BlockRunner::owns(const void* pointer) const {
  return fibers_.owns(pointer) ||
         lies_in(pointer, threads_.data(), threads_.size() * sizeof(Thread)) ||
         lies_in(pointer, warps_.data(), warps_.size() * sizeof(Warp)) ||
         lies_in(pointer, this, sizeof(*this)) ||
         lies_in(pointer, &current_thread, sizeof(current_thread)) ||
         lies_in(pointer, &current_block, sizeof(current_block));
}

}  // namespace seqpe::simt
