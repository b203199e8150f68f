// Runs the blocks of a grid on one thread of the operating system, one block at a time. Each CUDA
// thread is a fiber that runs until it must wait; then the next one goes on. A thread that never
// waits costs no switch: its fiber takes the next thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "kernels/simt/fiber.h"
#include "kernels/simt/limits.h"
#include "kernels/simt/schedule.h"
#include "kernels/simt/thread.h"

namespace seqpe::simt {

/// Shared memory and the red zones between its variables lie in as many bytes.
constexpr std::size_t kSharedBuffer = std::size_t{256} << 10;

/// A launch as the workers see it.
struct Grid {
  uint3 size{};
  uint3 block{};
  std::size_t shared_bytes = 0;  // dynamic
  void (*kernel)(void*) = nullptr;
  void* arguments = nullptr;
  unsigned number = 0;  // counts launches
};

/// Where a kernel's static shared variable lies in the launches of each worker.
struct SharedVariable {
  static constexpr int kMostWorkers = 64;
  std::array<unsigned, kMostWorkers> launch{};
  std::array<std::uint32_t, kMostWorkers> offset{};
};

class BlockRunner {
 public:
  explicit BlockRunner(int worker);
  ~BlockRunner();

  void begin(const Grid& grid, const ScheduleOptions& schedule);
  /// False if the block cannot go on: its threads wait for each other. A report says who waits
  /// where.
  bool run(const uint3& index);

  // Called by the threads of the block.
  void join_collective(std::uint32_t mask, Collective collective, const void* site);
  /// Of every thread that has not finished.
  void join_barrier(const void* site);
  std::byte* shared_variable(SharedVariable& variable, std::size_t bytes, std::size_t alignment,
                             const void* site);
  std::byte* dynamic_shared() { return shared_.get(); }

  // Asked by observers.
  const Grid& grid() const { return grid_; }
  /// True if [offset, offset + bytes) lies in the dynamic part or in a static variable.
  bool shared_holds(std::uint32_t offset, std::size_t bytes) const;
  /// Of the dynamic part and of the static variables met so far.
  std::size_t shared_bytes() const;
  /// True for the memory of the emulator itself, which is none of the kernel's.
  bool owns(const void* pointer) const;
  bool owns_stack(const void* pointer) const { return fibers_.owns(pointer); }
  /// Runs until now, the present one too.
  std::uint64_t runs() const { return runs_; }
  bool copies_land_early() const { return schedule_.copies == CopySchedule::early; }

 private:
  struct Barrier {
    unsigned arrived = 0;
    Thread *first = nullptr, *last = nullptr;
  };
  struct Variable {
    std::uint32_t offset;
    std::size_t bytes;
  };

  static void fiber_main();
  void run_threads();
  void set_up_threads();
  void choose_order();
  void finish(Thread& thread);
  void make_ready(Thread& thread);
  Thread* next_ready();
  bool has_unstarted() const { return next_to_start_ < thread_count_; }
  /// Suspends the running thread until it is made ready.
  void wait(ThreadState state);
  void go_on_with(Fiber& from, Thread& thread);
  void switch_to(Fiber& from, Fiber& to);
  void release_barrier();
  void report_deadlock();

  const int worker_;
  Grid grid_;
  ScheduleOptions schedule_;
  std::mt19937 random_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  unsigned thread_count_ = 0, live_ = 0;
  std::vector<unsigned> start_order_;
  unsigned next_to_start_ = 0;
  // Ready threads: first come, first served; or, by priority, the lanes of each warp.
  std::vector<Thread*> queue_;
  std::size_t queue_head_ = 0;
  std::vector<unsigned> priority_;          // warps, the most urgent first
  std::vector<std::uint32_t> ready_lanes_;  // by warp
  Barrier barrier_;
  bool deadlocked_ = false;
  std::uint64_t runs_ = 0;

  FiberPool fibers_;
  Fiber system_thread_;
  Fiber* running_ = nullptr;

  struct FreeMemory {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], FreeMemory> shared_;
  std::uint32_t shared_top_ = 0;
  std::vector<Variable> variables_;
};

/// The runner of this thread of the operating system; null outside a launch.
BlockRunner* current_runner();

}  // namespace seqpe::simt
