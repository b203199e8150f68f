// Kernels compiled with -fsanitize=thread call a hook at every access to memory. These are the
// hooks: they tell whoever watches. What ThreadSanitizer's own library would do is not linked.
#include "kernels/simt/block.h"
#include "kernels/simt/observer.h"

namespace seqpe::simt {
namespace {

void observe_plain(const void* pointer, std::size_t bytes, Access access, const void* site) {
  if (current_thread == nullptr) return;  // host code of the kernel's file
  current_thread->site = site;
  const auto offset =
      static_cast<std::size_t>(static_cast<const std::byte*>(pointer) - current_block.shared);
  if (offset < kSharedBuffer)
    return observe_shared(static_cast<std::uint32_t>(offset), bytes, access, site);
  observe_global(pointer, bytes, access, site);
}

}  // namespace
}  // namespace seqpe::simt

// The hooks, as GCC calls them.
#define SEQPE_HOOKS(bytes)                                                                         \
  void __tsan_read##bytes(void* p) {                                                               \
    seqpe::simt::observe_plain(p, bytes, seqpe::simt::Access::read, __builtin_return_address(0));  \
  }                                                                                                \
  void __tsan_write##bytes(void* p) {                                                              \
    seqpe::simt::observe_plain(p, bytes, seqpe::simt::Access::write, __builtin_return_address(0)); \
  }                                                                                                \
  void __tsan_unaligned_read##bytes(void* p) {                                                     \
    seqpe::simt::observe_plain(p, bytes, seqpe::simt::Access::read, __builtin_return_address(0));  \
  }                                                                                                \
  void __tsan_unaligned_write##bytes(void* p) {                                                    \
    seqpe::simt::observe_plain(p, bytes, seqpe::simt::Access::write, __builtin_return_address(0)); \
  }
extern "C" {
SEQPE_HOOKS(1)
SEQPE_HOOKS(2)
SEQPE_HOOKS(4)
SEQPE_HOOKS(8)
SEQPE_HOOKS(16)
void __tsan_read_range(void* p, std::size_t bytes) {
  seqpe::simt::observe_plain(p, bytes, seqpe::simt::Access::read, __builtin_return_address(0));
}
void __tsan_write_range(void* p, std::size_t bytes) {
  seqpe::simt::observe_plain(p, bytes, seqpe::simt::Access::write, __builtin_return_address(0));
}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_atomic_thread_fence(int) {}
// Atomics are counted by begin_atomic.
int __tsan_atomic32_fetch_add(volatile int* address, int value, int) {
  return __atomic_fetch_add(address, value, __ATOMIC_SEQ_CST);
}
}
