// Fibers: stacks that a program switches between by itself. Each CUDA thread that has to wait is
// one.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace seqpe::simt {

/// A stack, and where execution on it stands while another one runs. One without a stack of its own
/// stands for the operating system's thread.
struct Fiber {
  std::byte* stack = nullptr;
  std::size_t stack_bytes = 0;
  void* stack_pointer = nullptr;    // while it is suspended
  void* sanitizer_stack = nullptr;  // AddressSanitizer's own, while it is suspended
};

/// Suspends `from`, which is running, and goes on with `to`.
void switch_fiber(Fiber& from, Fiber& to);

/// What AddressSanitizer must be told on a fiber's first instruction.
void fiber_entered();

/// Fibers whose stacks are used again and again. Every new one begins in `entry`, which must never
/// return.
class FiberPool {
 public:
  using Entry = void (*)();
  FiberPool(std::size_t capacity, Entry entry);
  ~FiberPool();
  FiberPool(const FiberPool&) = delete;
  FiberPool& operator=(const FiberPool&) = delete;

  Fiber& take();
  void give_back(Fiber& fiber) { free_.push_back(&fiber); }
  /// Makes every fiber begin anew, whatever it was doing: after a deadlock.
  void restart_all();
  bool owns(const void* pointer) const;

 private:
  void prepare(Fiber& fiber, std::size_t number) const;

  Entry entry_;
  std::size_t capacity_;
  std::byte* stacks_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
};

}  // namespace seqpe::simt
