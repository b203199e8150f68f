#include "kernels/simt/device_functions.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/simt/observer.h"
#include "kernels/simt/report.h"
#include "kernels/simt/source_line.h"

#define SEQPE_SITE __builtin_return_address(0)  // in the kernel's code

namespace seqpe::simt {
namespace {

/// Calls f(lane) for each lane of the mask.
template <typename F>
void for_each_lane(const Warp& warp, std::uint32_t mask, const F& f) {
  for (; mask != 0; mask &= mask - 1)
    f(*warp.lanes[static_cast<std::size_t>(std::countr_zero(mask))]);
}

void order_lanes(Warp& warp, std::uint32_t) {
  ++warp.epoch;
}

/// A lane outside the mask gives nothing: the reader keeps its own value, as hardware leaves it
/// undefined.
void exchange_bits(Warp& warp, std::uint32_t mask) {
  for_each_lane(warp, mask, [&](Thread& lane) {
    const auto source = static_cast<unsigned>(lane.exchange.parameter) % kWarpSize;
    const bool gives = (mask >> source & 1) != 0;
    if (!gives)
      report_at({lane.site}, lane, "{} shuffles from lane {}, which mask {:08x} lacks, at {}",
                where(lane), source, lane.mask, source_line(lane.site));
    const Thread& giver = gives ? *warp.lanes[source] : lane;
    lane.exchange.result = giver.exchange.operand;
  });
}

void count_votes(Warp& warp, std::uint32_t mask) {
  std::uint32_t votes = 0;
  for_each_lane(warp, mask, [&](Thread& lane) {
    votes |= static_cast<std::uint32_t>(lane.exchange.operand) << lane.lane;
  });
  for_each_lane(warp, mask, [&](Thread& lane) { lane.exchange.result = votes; });
}

/// True if the whole warp is there.
bool is_whole(const Warp& warp, std::uint32_t mask, const char* what) {
  if (mask == kFullMask) return true;
  const Thread& lane = *warp.lanes[static_cast<std::size_t>(std::countr_zero(mask))];
  report_at({lane.site}, lane, "{} {} with lanes {:08x} at {}: all 32 must take part", where(lane),
            what, mask, source_line(lane.site));
  return false;
}

float low_half(std::uint32_t pair) {
  return std::bit_cast<float>(pair << 16);
}
float high_half(std::uint32_t pair) {
  return std::bit_cast<float>(pair & 0xffff0000u);
}

/// PTX ISA, "Matrix Fragments for mma.m16n8k16": group = lane / 4 and place = lane % 4.
void multiply_warp(Warp& warp, std::uint32_t mask) {
  if (!is_whole(warp, mask, "multiplies matrices")) return;
  observe_matrix_product(std::int64_t{2} * 16 * 8 * 16);
  float a[16][16], b[16][8], d[16][8];
  for_each_lane(warp, mask, [&](Thread& lane) {
    const unsigned group = lane.lane / 4, place = lane.lane % 4;
    const auto* ra = static_cast<const std::uint32_t*>(lane.exchange.registers[1]);
    const auto* rb = static_cast<const std::uint32_t*>(lane.exchange.registers[2]);
    const auto* rc = static_cast<const float*>(lane.exchange.registers[3]);
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = group + i % 2 * 8, column = place * 2 + i / 2 * 8;
      a[row][column] = low_half(ra[i]);
      a[row][column + 1] = high_half(ra[i]);
    }
    for (unsigned i = 0; i < 2; ++i) {
      const unsigned row = place * 2 + i * 8;
      b[row][group] = low_half(rb[i]);
      b[row + 1][group] = high_half(rb[i]);
    }
    for (unsigned i = 0; i < 4; ++i) d[group + i / 2 * 8][place * 2 + i % 2] = rc[i];
  });
  for (auto r = 0; r < 16; ++r) {
    for (auto k = 0; k < 16; ++k) {
      for (auto c = 0; c < 8; ++c) d[r][c] += a[r][k] * b[k][c];
    }
  }
  for_each_lane(warp, mask, [&](Thread& lane) {
    const unsigned group = lane.lane / 4, place = lane.lane % 4;
    auto* rd = static_cast<float*>(lane.exchange.registers[0]);
    for (unsigned i = 0; i < 4; ++i) rd[i] = d[group + i / 2 * 8][place * 2 + i % 2];
  });
}

/// PTX ISA, ldmatrix: lane l receives elements (l / 4, 2 (l % 4)) and the next one of each matrix.
template <bool kTransposed>
void distribute_matrices(Warp& warp, std::uint32_t mask) {
  if (!is_whole(warp, mask, "loads matrices")) return;
  std::uint16_t matrix[4][8][8];
  const int count = warp.lanes[0]->exchange.parameter;
  for (int i = 0; i < count; ++i) {
    for (int row = 0; row < 8; ++row) {
      const std::uint64_t offset =
          warp.lanes[static_cast<std::size_t>(i * 8 + row)]->exchange.operand;
      std::memcpy(matrix[i][row], current_block.shared + offset, sizeof(matrix[i][row]));
    }
  }
  for_each_lane(warp, mask, [&](Thread& lane) {
    auto* registers = static_cast<std::uint32_t*>(lane.exchange.registers[0]);
    const unsigned row = lane.lane / 4, column = lane.lane % 4 * 2;
    for (int i = 0; i < count; ++i) {
      const std::uint32_t low = kTransposed ? matrix[i][column][row] : matrix[i][row][column];
      const std::uint32_t high =
          kTransposed ? matrix[i][column + 1][row] : matrix[i][row][column + 1];
      registers[i] = low | high << 16;
    }
  });
}

void land(AsyncCopy& copy) {
  if (copy.landed) return;
  copy.landed = true;
  current_thread->site = copy.site;
  if (copy.valid > 0) observe_global(copy.from, copy.valid, Access::read, copy.site);
  observe_copy_landed(copy.to, copy.bytes, copy.site);
  if (copy.valid > 0) std::memcpy(current_block.shared + copy.to, copy.from, copy.valid);
  std::memset(current_block.shared + copy.to + copy.valid, 0,
              static_cast<std::size_t>(copy.bytes - copy.valid));
}

/// Offset in shared memory, or a large number.
std::size_t shared_offset(const void* pointer) {
  return static_cast<std::size_t>(static_cast<const std::byte*>(pointer) - current_block.shared);
}

void check_alignment(const void* pointer, std::size_t bytes, const char* what, const void* site) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % bytes != 0)
    report_at({site}, *current_thread, "{} {} {} bytes at the misaligned address {} at {}", where(),
              what, bytes, pointer, source_line(site));
}

void observe(const void* pointer, std::size_t bytes, Access access, const void* site) {
  current_thread->site = site;
  const std::size_t offset = shared_offset(pointer);
  if (offset < kSharedBuffer)
    return observe_shared(static_cast<std::uint32_t>(offset), bytes, access, site);
  observe_global(pointer, bytes, access, site);
}

}  // namespace

unsigned char* shared_variable(SharedVariable& variable, std::size_t bytes, std::size_t alignment) {
  return reinterpret_cast<unsigned char*>(
      current_runner()->shared_variable(variable, bytes, alignment, SEQPE_SITE));
}

unsigned char* dynamic_shared() {
  return reinterpret_cast<unsigned char*>(current_runner()->dynamic_shared());
}

void sync_block() {
  current_runner()->join_barrier(SEQPE_SITE);
}

void sync_warp(std::uint32_t mask) {
  current_runner()->join_collective(mask, order_lanes, SEQPE_SITE);
}

std::uint64_t shuffle_bits(std::uint32_t mask, std::uint64_t bits, unsigned source) {
  Exchange& exchange = current_thread->exchange;
  exchange.operand = bits;
  exchange.parameter = static_cast<int>(source);
  current_runner()->join_collective(mask, exchange_bits, SEQPE_SITE);
  return exchange.result;
}

std::uint32_t ballot(std::uint32_t mask, bool predicate) {
  Exchange& exchange = current_thread->exchange;
  exchange.operand = predicate ? 1 : 0;
  current_runner()->join_collective(mask, count_votes, SEQPE_SITE);
  return static_cast<std::uint32_t>(exchange.result);
}

void read_as_one(void* to, const void* from, std::size_t bytes) {
  check_alignment(from, bytes, "reads", SEQPE_SITE);
  observe(from, bytes, Access::read, SEQPE_SITE);
  std::memcpy(to, from, bytes);
}

void write_as_one(void* to, const void* from, std::size_t bytes) {
  check_alignment(to, bytes, "writes", SEQPE_SITE);
  observe(to, bytes, Access::write, SEQPE_SITE);
  std::memcpy(to, from, bytes);
}

void begin_atomic(const void* address, std::size_t bytes) {
  observe(address, bytes, Access::atomic, SEQPE_SITE);
}

void multiply_fragments(float* d, const std::uint32_t* a, const std::uint32_t* b, const float* c) {
  current_thread->exchange.registers = {d, const_cast<std::uint32_t*>(a),
                                        const_cast<std::uint32_t*>(b), const_cast<float*>(c)};
  current_runner()->join_collective(kFullMask, multiply_warp, SEQPE_SITE);
}

void load_matrices(std::uint32_t* registers, int count, std::uint32_t offset, bool transposed) {
  // Lanes beyond 8 * count give no row.
  if (static_cast<int>(current_thread->lane) < 8 * count) {
    if (offset % 16 != 0)
      report_at({SEQPE_SITE}, *current_thread,
                "{} loads a matrix row at the misaligned shared offset {} at {}", where(), offset,
                source_line(SEQPE_SITE));
    observe_shared(offset, 16, Access::read, SEQPE_SITE);
  }
  Exchange& exchange = current_thread->exchange;
  exchange.registers[0] = registers;
  exchange.parameter = count;
  exchange.operand = offset;
  current_runner()->join_collective(
      kFullMask, transposed ? distribute_matrices<true> : distribute_matrices<false>, SEQPE_SITE);
}

void copy_async(std::uint32_t to, const void* from, int valid) {
  constexpr std::uint16_t kBytes = 16;
  if (to % kBytes != 0 || (valid > 0 && reinterpret_cast<std::uintptr_t>(from) % kBytes != 0))
    report_at({SEQPE_SITE}, *current_thread,
              "{} copies 16 bytes from {} to shared offset {}, of which one is misaligned, at {}",
              where(), from, to, source_line(SEQPE_SITE));
  observe_copy_issued(to, kBytes, SEQPE_SITE);
  auto& copies = current_thread->copies;
  copies.push_back({to, from, kBytes, static_cast<std::uint16_t>(valid), SEQPE_SITE, false});
  if (current_runner()->copies_land_early()) land(copies.back());
}

void commit_copies() {
  current_thread->copy_groups.push_back(current_thread->copies.size());
}

void wait_for_copies(int groups) {
  auto& copies = current_thread->copies;
  auto& ends = current_thread->copy_groups;
  const auto open = static_cast<std::size_t>(groups);
  if (ends.size() <= open) return;
  const std::size_t waited = ends.size() - open, end = ends[waited - 1];
  std::for_each(copies.begin(), copies.begin() + static_cast<std::ptrdiff_t>(end), land);
  copies.erase(copies.begin(), copies.begin() + static_cast<std::ptrdiff_t>(end));
  ends.erase(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(waited));
  for (std::size_t& group : ends) group -= end;
}

}  // namespace seqpe::simt
