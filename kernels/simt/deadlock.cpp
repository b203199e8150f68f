#include "kernels/simt/deadlock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/simt/source_line.h"

namespace seqpe::simt {
namespace {

/// Of the lanes that a collective needs: which have come, have ended, are elsewhere.
std::string describe_lanes(const Warp& warp, const Thread& waiting) {
  std::uint32_t come = 0;
  for (const Thread* lane : warp.lanes) {
    if (lane != nullptr && lane->state == ThreadState::at_collective &&
        lane->mask == waiting.mask && lane->collective == waiting.collective)
      come |= 1u << lane->lane;
  }
  const std::uint32_t needed = waiting.mask & warp.existing, ended = needed & ~warp.live,
                      elsewhere = needed & warp.live & ~come;
  std::string text = fmt::format("lanes {:08x} have come", come);
  if (ended != 0) text += fmt::format(", {:08x} have ended", ended);
  if (elsewhere != 0) text += fmt::format(", {:08x} are elsewhere", elsewhere);
  return text;
}

/// Empty unless the thread waits.
std::string describe(const Thread& thread) {
  if (thread.state == ThreadState::at_barrier)
    return "at __syncthreads at " + source_line(thread.site);
  if (thread.state == ThreadState::at_collective)
    return fmt::format("at a collective with mask {:08x} at {} ({})", thread.mask,
                       source_line(thread.site), describe_lanes(*thread.warp, thread));
  return "";
}

/// Whatever belongs to equal keys, in the order in which the keys came.
template <typename Value>
using Groups = std::vector<std::pair<std::string, Value>>;

template <typename Value>
Value& group(Groups<Value>& groups, const std::string& key) {
  for (auto& [other, value] : groups) {
    if (other == key) return value;
  }
  return groups.emplace_back(key, Value{}).second;
}

/// "warp 3", "warps 0-3, 7"
std::string name_warps(const std::vector<unsigned>& warps) {
  std::string text = warps.size() > 1 ? "warps" : "warp";
  for (std::size_t first = 0, last = 0; first < warps.size(); first = last + 1) {
    last = first;
    while (last + 1 < warps.size() && warps[last + 1] == warps[last] + 1) ++last;
    text += fmt::format("{} {}", first > 0 ? "," : "", warps[first]);
    if (last > first) text += fmt::format("-{}", warps[last]);
  }
  return text;
}

}  // namespace

std::string describe_waiting(const std::vector<Warp>& warps) {
  Groups<std::vector<unsigned>> lines;
  for (const Warp& warp : warps) {
    Groups<std::uint32_t> lanes;
    for (const Thread* lane : warp.lanes) {
      if (lane == nullptr) continue;
      if (const std::string wait = describe(*lane); !wait.empty())
        group(lanes, wait) |= 1u << lane->lane;
    }
    for (const auto& [wait, mask] : lanes)
      group(lines, fmt::format("lanes {:08x} {}", mask, wait)).push_back(warp.index);
  }
  std::string text;
  for (const auto& [line, of] : lines) text += fmt::format("\n    {} {}", name_warps(of), line);
  return text;
}

}  // namespace seqpe::simt
