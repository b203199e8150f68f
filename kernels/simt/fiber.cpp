#include "kernels/simt/fiber.h"

#include <sys/mman.h>

#include <cstdint>

#include "kernels/common/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
// Saves the registers that a function must keep, and the stack pointer in *save; takes both from
// the other stack. Ten times faster than swapcontext, which also saves the signal mask by a system
// call.
extern "C" void seqpe_switch_stack(void** save, void* to);
asm(R"(.text
.globl seqpe_switch_stack
.type seqpe_switch_stack,@function
seqpe_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size seqpe_switch_stack,.-seqpe_switch_stack
)");
#else
#error \
    "The SIMT emulator switches stacks in x86-64 assembly: write seqpe_switch_stack for this processor."
#endif

namespace seqpe::simt {
namespace {

constexpr std::size_t kGuardBytes = 4096;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStackBytes = std::size_t{256} << 10;  // red zones around every variable
#else
constexpr std::size_t kStackBytes = std::size_t{64} << 10;
#endif
constexpr int kSavedRegisters = 6;

/// Stacks that begin at equal offsets of a page would share the lines of the first-level cache: 2.7
/// times slower at 1024 threads.
std::size_t stagger(std::size_t number) {
  return number % 32 * 192;
}

#if defined(__SANITIZE_ADDRESS__)
// The system thread's own stack, learnt when it first switches away.
thread_local const void* thread_stack = nullptr;
thread_local std::size_t thread_stack_bytes = 0;
#endif

}  // namespace

void switch_fiber(Fiber& from, Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
  const bool to_thread = to.stack == nullptr;
  __sanitizer_start_switch_fiber(&from.sanitizer_stack, to_thread ? thread_stack : to.stack,
                                 to_thread ? thread_stack_bytes : to.stack_bytes);
#endif
  seqpe_switch_stack(&from.stack_pointer, to.stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.sanitizer_stack, nullptr, nullptr);
#endif
}

void fiber_entered() {
#if defined(__SANITIZE_ADDRESS__)
  const void* stack = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &stack, &bytes);
  if (thread_stack == nullptr) {
    thread_stack = stack;
    thread_stack_bytes = bytes;
  }
#endif
}

FiberPool::FiberPool(std::size_t capacity, Entry entry) : entry_(entry), capacity_(capacity) {
  const std::size_t bytes = capacity * (kGuardBytes + kStackBytes);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require<DeviceError>(memory != MAP_FAILED, "[simt] out of memory: {} bytes of stacks.", bytes);
  stacks_ = static_cast<std::byte*>(memory);
}

FiberPool::~FiberPool() {
  ::munmap(stacks_, capacity_ * (kGuardBytes + kStackBytes));
}

Fiber& FiberPool::take() {
  if (!free_.empty()) {
    Fiber* fiber = free_.back();
    free_.pop_back();
    return *fiber;
  }
  const std::size_t number = fibers_.size();
  require(number < capacity_, "[simt] more fibers than threads: {}.", capacity_);
  auto fiber = std::make_unique<Fiber>();
  std::byte* guard = stacks_ + number * (kGuardBytes + kStackBytes);
  ::mprotect(guard, kGuardBytes, PROT_NONE);  // a stack that overflows faults
  fiber->stack = guard + kGuardBytes;
  fiber->stack_bytes = kStackBytes;
  prepare(*fiber, number);
  fibers_.push_back(std::move(fiber));
  return *fibers_.back();
}

/// A stack as seqpe_switch_stack leaves one: saved registers, then where to return to.
void FiberPool::prepare(Fiber& fiber, std::size_t number) const {
#if defined(__SANITIZE_ADDRESS__)
  // A fiber that was left in the middle of its work did not leave its scopes.
  __asan_unpoison_memory_region(fiber.stack, fiber.stack_bytes);
#endif
  const auto top =
      reinterpret_cast<std::uintptr_t>(fiber.stack + fiber.stack_bytes - stagger(number));
  auto* slot = reinterpret_cast<void**>(top & ~std::uintptr_t{15});
  *--slot = nullptr;  // entry never returns; keeps the alignment that a call would give
  *--slot = reinterpret_cast<void*>(entry_);
  for (int i = 0; i < kSavedRegisters; ++i) *--slot = nullptr;
  fiber.stack_pointer = slot;
  fiber.sanitizer_stack = nullptr;
}

void FiberPool::restart_all() {
  free_.clear();
  for (std::size_t i = 0; i < fibers_.size(); ++i) {
    prepare(*fibers_[i], i);
    free_.push_back(fibers_[i].get());
  }
}

bool FiberPool::owns(const void* pointer) const {
  const auto* byte = static_cast<const std::byte*>(pointer);
  return byte >= stacks_ && byte < stacks_ + capacity_ * (kGuardBytes + kStackBytes);
}

}  // namespace seqpe::simt
