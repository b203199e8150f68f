#include "kernels/simt/cost_observer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <compare>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "kernels/simt/block.h"
#include "kernels/simt/cost_model.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/observer.h"

namespace seqpe::simt {
namespace {

constexpr unsigned kWarps = 32;

/// Sector numbers. Sorted and made unique now and then, so that repetitions take no memory.
class SectorSet {
 public:
  void insert(const std::vector<std::uint64_t>& sectors) {
    sectors_.insert(sectors_.end(), sectors.begin(), sectors.end());
    if (sectors_.size() > limit_) {
      make_unique();
      limit_ = std::max(limit_, 2 * sectors_.size());
    }
  }
  const std::vector<std::uint64_t>& unique() {
    make_unique();
    return sectors_;
  }
  void clear() { sectors_.clear(); }

 private:
  void make_unique() {
    std::sort(sectors_.begin(), sectors_.end());
    sectors_.erase(std::unique(sectors_.begin(), sectors_.end()), sectors_.end());
  }

  std::vector<std::uint64_t> sectors_;
  std::size_t limit_ = std::size_t{1} << 16;
};

/// A lane's access.
struct LaneAccess {
  const void* site;
  std::uint64_t address;
  unsigned bytes;
  bool shared, write;
};

/// The accesses of one instruction by lanes that come to it together: those with equal places.
struct Place {
  std::size_t anchors;  // accesses by instructions of all lanes that lie before
  const void* site;
  std::size_t occurrence;  // since the last of those
  // clang-tidy 14 takes the comparison with 0 inside for a null pointer.
  auto operator<=>(const Place&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// By instruction, and whether on shared memory: cp.async reads global memory and writes shared.
using SiteCosts = std::map<std::pair<const void*, bool>, SiteCost>;

/// What the sampled blocks of a launch did, before it is scaled.
struct Launched {
  LaunchCost cost;
  std::vector<DeviceBlock> device;  // by address
  // By block of device memory: what all blocks of the grid touched, and the sum over them.
  SectorSet read, written;
  std::vector<double> read_sum, written_sum;
  SiteCosts sites;
};

std::mutex mutex;
std::vector<LaunchCost> finished;
Launched launched;
Sampling sampling;

/// Which block of device memory holds the address; none: its number.
std::size_t place_in(const std::vector<DeviceBlock>& device, std::uint64_t address) {
  const auto after = std::upper_bound(device.begin(), device.end(), address,
                                      [](std::uint64_t a, const DeviceBlock& block) {
                                        return a < reinterpret_cast<std::uint64_t>(block.begin);
                                      });
  if (after == device.begin()) return device.size();
  const DeviceBlock& block = *(after - 1);
  const bool inside = address < reinterpret_cast<std::uint64_t>(block.begin) + block.bytes;
  return inside ? static_cast<std::size_t>(after - 1 - device.begin()) : device.size();
}

/// Calls f(place, count) for the sectors of each block of device memory.
template <typename F>
void by_place(const std::vector<DeviceBlock>& device, const std::vector<std::uint64_t>& sectors,
              const F& f) {
  for (std::size_t i = 0; i < sectors.size();) {
    const std::size_t place = place_in(device, sectors[i] * kSectorBytes);
    const DeviceBlock& block = device[place];
    const std::uint64_t end = reinterpret_cast<std::uint64_t>(block.begin) + block.bytes;
    const std::size_t first = i;
    while (i < sectors.size() && sectors[i] * kSectorBytes < end) ++i;
    f(place, static_cast<double>(i - first));
  }
}

/// The counter of one of the emulator's workers: the block that it runs.
class BlockCounter {
 public:
  void begin() {
    sites_.clear();
    read_.clear();
    written_.clear();
    last_read_.clear();
    read_again_.clear();
    moved_ = mma_flops_ = barriers_ = 0;
  }

  void access(bool shared, std::uint64_t address, std::size_t bytes, Access access,
              const void* site) {
    if (!shared && place_in(launched.device, address) == launched.device.size()) return;
    lanes_[current_thread->linear].push_back(
        {site, address, static_cast<unsigned>(bytes), shared, access != Access::read});
  }

  /// The lanes of a warp have met: what they did since the last time is counted.
  void meet(unsigned warp) {
    std::array<std::vector<LaneAccess>*, 32> lanes{};
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      lanes[lane] = &lanes_[warp * kWarpSize + lane];
    if (same_instructions(lanes)) {
      count_in_step(lanes);
    } else {
      count_by_place(lanes);
    }
    for (auto* lane : lanes) lane->clear();
  }

  void add_barrier(std::uint32_t warps) {
    ++barriers_;
    for (unsigned warp = 0; warp < kWarps; ++warp) {
      if ((warps >> warp & 1) != 0) meet(warp);
    }
  }
  void add_matrix_product(std::int64_t flops) { mma_flops_ += static_cast<double>(flops); }

  void end() {
    for (unsigned warp = 0; warp < kWarps; ++warp) meet(warp);
    const std::vector<std::uint64_t>&read = read_.unique(), &written = written_.unique();
    const std::lock_guard lock(mutex);
    ++launched.cost.counted_blocks;
    launched.cost.shared_bytes =
        std::max(launched.cost.shared_bytes, current_runner()->shared_bytes());
    launched.cost.barriers += barriers_;
    launched.cost.mma_flops += mma_flops_;
    for (const auto& [distance, bytes] : read_again_) launched.cost.read_again[distance] += bytes;
    by_place(launched.device, read,
             [](std::size_t place, double n) { launched.read_sum[place] += n; });
    by_place(launched.device, written,
             [](std::size_t place, double n) { launched.written_sum[place] += n; });
    launched.read.insert(read);
    launched.written.insert(written);
    for (const auto& [site, cost] : sites_) add(launched.sites[site], cost);
  }

  static void add(SiteCost& sum, const SiteCost& cost) {
    sum.site = cost.site;
    sum.shared = cost.shared;
    sum.write = cost.write;
    sum.requests += cost.requests;
    sum.asked_bytes += cost.asked_bytes;
    sum.units += cost.units;
    sum.least_units += cost.least_units;
    sum.degree = std::max(sum.degree, cost.degree);
  }

 private:
  using Lanes = std::array<std::vector<LaneAccess>*, 32>;

  /// Whether all lanes, but those that did nothing, ran the same instructions.
  static bool same_instructions(const Lanes& lanes) {
    const std::vector<LaneAccess>* first = nullptr;
    for (const auto* lane : lanes) {
      if (lane->empty()) continue;
      if (first == nullptr) first = lane;
      if (!std::equal(lane->begin(), lane->end(), first->begin(), first->end(),
                      [](const LaneAccess& a, const LaneAccess& b) { return a.site == b.site; }))
        return false;
    }
    return true;
  }

  void count_in_step(const Lanes& lanes) {
    std::size_t accesses = 0;
    for (const auto* lane : lanes) accesses = std::max(accesses, lane->size());
    for (std::size_t i = 0; i < accesses; ++i) {
      WarpRequest request;
      const LaneAccess* any = nullptr;
      for (unsigned lane = 0; lane < kWarpSize; ++lane) {
        if (lanes[lane]->empty()) continue;
        any = &(*lanes[lane])[i];
        add(request, lane, *any);
      }
      count(*any, request);
    }
  }

  void count_by_place(const Lanes& lanes) {
    // How often each lane came to each instruction; equally often: it tells how far a lane is.
    std::map<const void*, std::array<unsigned, 32>> occurrences;
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      for (const LaneAccess& access : *lanes[lane]) ++occurrences[access.site][lane];
    }
    const auto is_anchor = [&](const void* site) {
      const std::array<unsigned, 32>& counts = occurrences[site];
      const unsigned most = *std::max_element(counts.begin(), counts.end());
      for (unsigned lane = 0; lane < kWarpSize; ++lane) {
        if (!lanes[lane]->empty() && counts[lane] != most) return false;
      }
      return true;
    };
    std::set<const void*> anchor_sites;
    for (const auto& [site, counts] : occurrences) {
      if (is_anchor(site)) anchor_sites.insert(site);
    }
    std::map<Place, std::pair<const LaneAccess*, WarpRequest>> requests;
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      std::size_t anchors = 0;
      std::map<const void*, std::size_t> since_anchor;
      for (const LaneAccess& access : *lanes[lane]) {
        auto& [any, request] = requests[{anchors, access.site, since_anchor[access.site]++}];
        any = &access;
        add(request, lane, access);
        if (!anchor_sites.contains(access.site)) continue;
        ++anchors;
        since_anchor.clear();
      }
    }
    for (const auto& [place, request] : requests) count(*request.first, request.second);
  }

  static void add(WarpRequest& request, unsigned lane, const LaneAccess& access) {
    request.addresses[lane] = access.address;
    request.lanes |= 1u << lane;
    request.bytes = std::max(request.bytes, access.bytes);
  }

  /// A GPU moves at most 16 bytes a lane at once.
  void count(const LaneAccess& any, const WarpRequest& request) {
    constexpr unsigned kMost = 16;
    SiteCost& cost = sites_[{any.site, any.shared}];
    cost.site = any.site;
    cost.shared = any.shared;
    cost.write = any.write;
    WarpRequest piece = request;
    for (unsigned done = 0; done < request.bytes; done += kMost) {
      piece.bytes = std::min(kMost, request.bytes - done);
      count_piece(cost, piece);
      for (std::uint64_t& address : piece.addresses) address += kMost;
    }
  }

  void count_piece(SiteCost& cost, const WarpRequest& request) {
    const unsigned bytes = distinct_bytes(request);
    ++cost.requests;
    cost.asked_bytes += bytes;
    if (cost.shared) {
      const BankUse use = bank_use(request);
      cost.units += use.wavefronts;
      cost.least_units += use.least;
      cost.degree = std::max(cost.degree, use.degree);
      return;
    }
    const std::vector<std::uint64_t> sectors = sectors_of(request);
    cost.units += static_cast<double>(sectors.size());
    cost.least_units += std::ceil(bytes / double{kSectorBytes});
    (cost.write ? written_ : read_).insert(sectors);
    moved_ += sectors.size();
    if (cost.write) return;
    for (const std::uint64_t sector : sectors) {
      const auto [last, first_time] = last_read_.try_emplace(sector, moved_);
      if (first_time) continue;
      const std::uint64_t distance = kSectorBytes * (moved_ - last->second);
      const int dropped = std::max(0, static_cast<int>(std::bit_width(distance)) - 3);
      read_again_[distance >> dropped << dropped] += kSectorBytes;
      last->second = moved_;
    }
  }

  std::array<std::vector<LaneAccess>, kMostThreads> lanes_;
  SiteCosts sites_;
  SectorSet read_, written_;
  std::unordered_map<std::uint64_t, std::uint64_t> last_read_;  // moved_ then, by sector
  std::map<std::uint64_t, double> read_again_;
  std::uint64_t moved_ = 0;  // sectors until now
  double mma_flops_ = 0, barriers_ = 0;
};

BlockCounter& counter() {
  static thread_local BlockCounter instance;
  return instance;
}

/// Bytes that the whole grid touches of `memory`, from `different` sectors of the counted blocks
/// and the `sum` of each block's own. Every block touches the same common part and a private part
/// of equal size; no more than there is.
double whole_grid(const LaunchCost& launch, const DeviceBlock& memory, double different,
                  double sum) {
  const double counted = launch.counted_blocks;
  const double common = counted > 1 ? (sum - different) / (counted - 1) : 0.0;
  const double own = (different - common) / counted;
  const double there = std::ceil(static_cast<double>(memory.bytes) / kSectorBytes);
  return kSectorBytes * std::min(there, common + own * launch.blocks);
}

}  // namespace

std::vector<std::uint64_t> observe_launch(const Launch& launch, const void* code) {
  const std::uint64_t blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  launched = {};
  launched.cost.name = launch.kernel;
  launched.cost.code = code;
  launched.cost.blocks = static_cast<double>(blocks);
  launched.cost.threads = launch.block.x * launch.block.y * launch.block.z;
  launched.device = device_blocks();
  launched.read_sum.assign(launched.device.size(), 0.0);
  launched.written_sum.assign(launched.device.size(), 0.0);
  std::vector<std::uint64_t> chosen;
  if (blocks <= sampling.whole) return chosen;
  // One of each of `some` equal parts of the grid, where the golden ratio's multiples say: what
  // repeats over the grid, as the tiles of each head do, is met at all its places.
  constexpr double kGoldenRatio = 0.6180339887498949;
  const double part = static_cast<double>(blocks) / static_cast<double>(sampling.some);
  for (std::uint64_t i = 0; i < sampling.some; ++i) {
    const double turn = static_cast<double>(i) * kGoldenRatio;
    chosen.push_back(
        static_cast<std::uint64_t>((static_cast<double>(i) + turn - std::floor(turn)) * part));
  }
  chosen.back() = blocks - 1;
  return chosen;
}

void observe_launch_end() {
  LaunchCost& cost = launched.cost;
  const double counted = cost.counted_blocks, scale = cost.blocks / counted;
  cost.barriers /= counted;
  for (auto& [distance, bytes] : cost.read_again) bytes *= scale;
  cost.mma_flops *= scale;
  for (auto& [code, site] : launched.sites) {
    for (double* value : {&site.requests, &site.asked_bytes, &site.units, &site.least_units})
      *value *= scale;
    cost.sites.push_back(site);
  }
  std::vector<MemoryUse> uses(launched.device.size());
  for (std::size_t i = 0; i < uses.size(); ++i) uses[i].begin = launched.device[i].begin;
  by_place(launched.device, launched.read.unique(), [&](std::size_t place, double different) {
    uses[place].read_bytes =
        whole_grid(cost, launched.device[place], different, launched.read_sum[place]);
  });
  by_place(launched.device, launched.written.unique(), [&](std::size_t place, double different) {
    uses[place].written_bytes =
        whole_grid(cost, launched.device[place], different, launched.written_sum[place]);
  });
  std::copy_if(uses.begin(), uses.end(), std::back_inserter(cost.memory),
               [](const MemoryUse& use) { return use.read_bytes > 0 || use.written_bytes > 0; });
  finished.push_back(std::move(cost));
}

void observe_block() {
  counter().begin();
}
void observe_block_end() {
  counter().end();
}
void observe_barrier(std::uint32_t warps) {
  counter().add_barrier(warps);
}
void observe_two_barriers(const Thread&, const Thread&) {}
void observe_collective(const Warp& warp, std::uint32_t lanes) {
  if (lanes == warp.live) counter().meet(warp.index);
}
void observe_other_write(const void*, std::size_t) {}
void observe_matrix_product(std::int64_t flops) {
  counter().add_matrix_product(flops);
}
void observe_shared(std::uint32_t offset, std::size_t bytes, Access access, const void* site) {
  counter().access(true, offset, bytes, access, site);
}
void observe_global(const void* pointer, std::size_t bytes, Access access, const void* site) {
  counter().access(false, reinterpret_cast<std::uint64_t>(pointer), bytes, access, site);
}
void observe_copy_issued(std::uint32_t offset, std::size_t bytes, const void* site) {
  observe_shared(offset, bytes, Access::write, site);
}
void observe_copy_landed(std::uint32_t, std::size_t, const void*) {}

SiteCost LaunchCost::total(bool shared) const {
  SiteCost sum;
  for (const SiteCost& site : sites) {
    if (site.shared == shared) BlockCounter::add(sum, site);
  }
  sum.site = nullptr;
  return sum;
}

std::vector<LaunchCost> take_launch_costs() {
  return std::exchange(finished, {});
}

void set_sampling(const Sampling& options) {
  sampling = options;
}

}  // namespace seqpe::simt
