// The checker, told of every access to memory by access_hooks.cpp. Each byte of shared memory
// remembers who wrote and who read it last, each warp has a vector clock that barriers join
// (Lamport; Mattern), and two accesses of which neither is ordered before the other are a race,
// however the emulator happened to run them. Found as well: bytes read before they are written,
// threads that meet at different barriers, addresses outside every block of memory, host memory
// that a kernel reads, shared memory read while a cp.async is under way.
#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/simt/block.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/report.h"
#include "kernels/simt/source_line.h"

namespace seqpe::simt {
namespace {

constexpr unsigned kWarps = 32;

/// Who did something: comparable within one block of one launch.
struct Event {
  unsigned block = 0;  // number of a run of a block; 0: nobody
  unsigned clock = 0;  // of the thread's warp
  unsigned epoch = 0;  // of the thread's warp: counts what orders its lanes
  unsigned thread = 0;
  const void* site = nullptr;
};

/// Each byte of shared memory.
struct SharedByte {
  Event write, read, read_by_other_warp;
  bool write_is_atomic = false;  // atomics need no order among themselves
  unsigned written_in = 0;       // block that wrote it
  unsigned pending_in = 0;       // block with a cp.async into it under way
};

/// Every two bytes of global memory.
struct GlobalBytes {
  unsigned launch = 0;
  unsigned grid_block = 0;
  Access access = Access::read;
  Event event;
};
struct GlobalPair {
  GlobalBytes write, read;
};

const char* name_of(Access access) {
  switch (access) {
    case Access::read:
      return "read";
    case Access::write:
      return "write";
    case Access::atomic:
      return "atomic";
  }
  return "?";
}

/// The checker of one of the emulator's workers.
class Checker {
 public:
  void begin_block() {
    ++block_;
    for (unsigned warp = 0; warp < kWarps; ++warp) {
      clocks_[warp].fill(0);
      clocks_[warp][warp] = 1;
    }
  }

  /// What any of the warps knew, all know; what they do from now on is later.
  void join(std::uint32_t warps) {
    std::array<unsigned, kWarps> joined{};
    for (unsigned warp = 0; warp < kWarps; ++warp) {
      if ((warps >> warp & 1) == 0) continue;
      for (unsigned other = 0; other < kWarps; ++other)
        joined[other] = std::max(joined[other], clocks_[warp][other]);
    }
    for (unsigned warp = 0; warp < kWarps; ++warp) {
      if ((warps >> warp & 1) == 0) continue;
      clocks_[warp] = joined;
      ++clocks_[warp][warp];
    }
  }

  void access_shared(std::uint32_t offset, std::size_t bytes, Access access, const void* site) {
    if (!current_runner()->shared_holds(offset, bytes)) {
      report_at({site}, *current_thread,
                "{} of {} bytes at shared offset {}, outside every shared variable, by {} at {}",
                simt::name_of(access), bytes, offset, where(), source_line(site));
      return;
    }
    const Event now = event(site);
    for (std::size_t i = offset; i < offset + bytes; ++i) {
      SharedByte& byte = shared_[i];
      if (access != Access::atomic || !byte.write_is_atomic)
        check_order(byte.write, Access::write, now, access);
      if (access != Access::write) check_contents(byte, now, i);
      if (access == Access::read) {
        const bool other_reader = byte.read.block == block_ && byte.read.thread != now.thread;
        if (other_reader && byte.read.thread / kWarpSize != now.thread / kWarpSize)
          byte.read_by_other_warp = byte.read;
        byte.read = now;
      } else {
        check_order(byte.read, Access::read, now, access);
        check_order(byte.read_by_other_warp, Access::read, now, access);
        byte.write = now;
        byte.write_is_atomic = access == Access::atomic;
        byte.written_in = block_;
        byte.read = byte.read_by_other_warp = {};
      }
    }
  }

  void set_pending(std::uint32_t offset, std::size_t bytes, bool pending) {
    for (std::size_t i = offset; i < offset + bytes; ++i)
      shared_[i].pending_in = pending ? block_ : 0;
  }

  void access_global(const DeviceBlock& memory, const std::byte* pointer, std::size_t bytes,
                     Access access, const void* site);
  void access_elsewhere(const void* pointer, std::size_t bytes, Access access, const void* site);

 private:
  Event event(const void* site) const {
    const Thread& thread = *current_thread;
    return {block_, clocks_[thread.warp->index][thread.warp->index], thread.warp->epoch,
            thread.linear, site};
  }

  /// True if `before`, of this block, happened before the running thread's present.
  bool is_ordered(const Event& before, const Event& now) const {
    if (before.block != now.block || before.thread == now.thread) return true;
    const unsigned warp = before.thread / kWarpSize, own_warp = now.thread / kWarpSize;
    if (warp == own_warp) return before.epoch != now.epoch;  // __syncwarp or a barrier lies between
    return clocks_[own_warp][warp] >= before.clock;
  }

  void check_order(const Event& before, Access earlier, const Event& now, Access later) const {
    if (before.block != block_ || is_ordered(before, now)) return;
    report_at({before.site, now.site}, *current_thread,
              "race in shared memory: {} by thread {} at {} and {} by {} at {}",
              simt::name_of(earlier), before.thread, source_line(before.site), simt::name_of(later),
              where(), source_line(now.site));
  }

  void check_contents(const SharedByte& byte, const Event& now, std::size_t offset) const {
    if (byte.pending_in == block_)
      report_at({byte.write.site, now.site}, *current_thread,
                "shared offset {} is read by {} at {} while a cp.async issued at {} is under way",
                offset, where(), source_line(now.site), source_line(byte.write.site));
    if (byte.written_in != block_)
      report_at({now.site}, *current_thread,
                "shared offset {} is read by {} at {} before anybody wrote it", offset, where(),
                source_line(now.site));
  }

  unsigned block_ = 0;
  std::array<std::array<unsigned, kWarps>, kWarps> clocks_{};
  std::vector<SharedByte> shared_ = std::vector<SharedByte>(kSharedBuffer);
};

Checker& checker() {
  static thread_local auto instance = std::make_unique<Checker>();
  return *instance;
}

/// What is known of a block of device memory.
struct GlobalShadow {
  unsigned allocation = 0;
  std::vector<GlobalPair> accesses;
  std::vector<bool> written;  // each byte: by anybody
};

std::mutex global_mutex;  // of the shadows

GlobalShadow& shadow_of(const DeviceBlock& memory) {
  static std::map<const std::byte*, GlobalShadow> shadows;  // by the block's first address
  GlobalShadow& shadow = shadows[memory.begin];
  if (shadow.allocation != memory.number)
    shadow = {memory.number, {}, std::vector<bool>(memory.bytes)};
  return shadow;
}

void set_written(GlobalShadow& shadow, std::ptrdiff_t first, std::size_t bytes) {
  std::fill_n(shadow.written.begin() + first, bytes, true);
}

void Checker::access_global(const DeviceBlock& memory, const std::byte* pointer, std::size_t bytes,
                            Access access, const void* site) {
  const std::lock_guard lock(global_mutex);
  if (pointer + bytes > memory.begin + memory.bytes) {
    report_at({site}, *current_thread,
              "{} of {} bytes that ends beyond its block of {} bytes of device memory, by {} at {}",
              simt::name_of(access), bytes, memory.bytes, where(), source_line(site));
    return;
  }
  const GlobalBytes now{current_runner()->grid().number, static_cast<unsigned>(block_number()),
                        access, event(site)};
  const auto check = [&](const GlobalBytes& before) {
    if (before.launch != now.launch ||
        (before.access == Access::atomic && access == Access::atomic))
      return;
    if (before.grid_block == now.grid_block ? is_ordered(before.event, now.event) : false) return;
    report_at({before.event.site, site}, *current_thread,
              "race in global memory: {} by thread {} of block number {} at {} and {} by {} at {}",
              simt::name_of(before.access), before.event.thread, before.grid_block,
              source_line(before.event.site), simt::name_of(access), where(), source_line(site));
  };
  GlobalShadow& shadow = shadow_of(memory);
  const std::ptrdiff_t offset = pointer - memory.begin;
  const auto begin = shadow.written.begin() + offset;
  if (access == Access::write) {
    set_written(shadow, offset, bytes);
  } else if (std::find(begin, begin + static_cast<std::ptrdiff_t>(bytes), false) !=
             begin + static_cast<std::ptrdiff_t>(bytes)) {
    report_at({site}, *current_thread,
              "{} of {} bytes at offset {} of a block of {} bytes of device memory before anybody "
              "wrote them, by {} at {}",
              simt::name_of(access), bytes, offset, memory.bytes, where(), source_line(site));
  }
  shadow.accesses.resize(memory.bytes / 2 + 1);
  const auto first = static_cast<std::size_t>(offset) / 2;
  for (std::size_t i = first; i < first + (bytes + 1) / 2; ++i) {
    check(shadow.accesses[i].write);
    if (access != Access::read) check(shadow.accesses[i].read);
    (access == Access::read ? shadow.accesses[i].read : shadow.accesses[i].write) = now;
  }
}

struct Stack {
  const std::byte *low = nullptr, *high = nullptr;
};

/// Of this thread of the operating system.
Stack own_stack() {
  pthread_attr_t attributes;
  void* begin = nullptr;
  std::size_t bytes = 0;
  ::pthread_getattr_np(::pthread_self(), &attributes);
  ::pthread_attr_getstack(&attributes, &begin, &bytes);
  ::pthread_attr_destroy(&attributes);
  return {static_cast<const std::byte*>(begin), static_cast<const std::byte*>(begin) + bytes};
}

Stack launching;  // where a launch's arguments lie, for all workers

bool is_argument(const void* pointer) {
  return pointer >= launching.low && pointer < launching.high;
}

void Checker::access_elsewhere(const void* pointer, std::size_t bytes, Access access,
                               const void* site) {
  if (current_runner()->owns(pointer) || is_argument(pointer)) return;
  Dl_info info{};
  if (dladdr(pointer, &info) != 0) return;  // constants of the program
  report_at(
      {site}, *current_thread,
      "{} of {} bytes at {}, which is no device memory, by {} at {}. Hint: a host pointer, or "
      "an index out of bounds?",
      simt::name_of(access), bytes, pointer, where(), source_line(site));
}

}  // namespace

std::vector<std::uint64_t> observe_launch(const Launch&, const void*) {
  static thread_local const Stack stack = own_stack();
  launching = stack;
  return {};
}
void observe_launch_end() {}

void observe_block() {
  checker().begin_block();
}
void observe_block_end() {}

void observe_barrier(std::uint32_t warps) {
  checker().join(warps);
}

/// On a GPU the threads of a warp that do so wait for ever, or do not wait at all.
void observe_two_barriers(const Thread& first, const Thread& second) {
  // The compiler may have copied one barrier to several addresses.
  const std::string one = source_line(first.site), other = source_line(second.site);
  if (one != other)
    report_at({first.site, second.site}, second,
              "threads meet at different barriers: {} at {} and {} at {}", where(first), one,
              where(second), other);
}

void observe_shared(std::uint32_t offset, std::size_t bytes, Access access, const void* site) {
  checker().access_shared(offset, bytes, access, site);
}

void observe_global(const void* pointer, std::size_t bytes, Access access, const void* site) {
  if (const auto memory = find_device_block(pointer))
    return checker().access_global(*memory, static_cast<const std::byte*>(pointer), bytes, access,
                                   site);
  checker().access_elsewhere(pointer, bytes, access, site);
}

void observe_collective(const Warp&, std::uint32_t) {}

void observe_other_write(const void* to, std::size_t bytes) {
  const auto memory = find_device_block(to);
  if (!memory) return;  // nothing to write
  const std::lock_guard lock(global_mutex);
  set_written(shadow_of(*memory), static_cast<const std::byte*>(to) - memory->begin, bytes);
}

void observe_matrix_product(std::int64_t) {}

void observe_copy_issued(std::uint32_t offset, std::size_t bytes, const void* site) {
  checker().access_shared(offset, bytes, Access::write, site);
  checker().set_pending(offset, bytes, true);
}

void observe_copy_landed(std::uint32_t offset, std::size_t bytes, const void* site) {
  checker().set_pending(offset, bytes, false);
  checker().access_shared(offset, bytes, Access::write, site);
}

}  // namespace seqpe::simt
