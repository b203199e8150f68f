#include "tools/seqpe_engine/doctor_ranks.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/dist/host.h"
#include "engine/train/progress.h"
#include "kernels/device.h"
#include "tools/seqpe_engine/cores.h"

namespace seqpe::tools {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RankPlace, host, local_rank, cores, cores_of_host, allowed, gpu,
                                   networks)

namespace {

constexpr std::int64_t kReducedBytes = 64 << 20;
constexpr int kRounds = 5;

/// Interfaces that are up, but for the loopback, with their IPv4 addresses.
std::vector<std::string> networks() {
  std::vector<std::string> out;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return out;
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    const bool counts = each->ifa_addr != nullptr && each->ifa_addr->sa_family == AF_INET &&
                        (each->ifa_flags & IFF_UP) != 0 && (each->ifa_flags & IFF_LOOPBACK) == 0;
    if (!counts) continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* const address = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
    out.push_back(fmt::format("{} {}", each->ifa_name, text));
  }
  ::freeifaddrs(all);
  return out;
}

RankPlace own_place(int local_rank) {
  const std::vector<int> cores = allowed_cores();
  RankPlace place{.host = dist::host_name(),
                  .local_rank = local_rank,
                  .cores = static_cast<int>(cores.size()),
                  .cores_of_host = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)),
                  .allowed = fmt::format("{}", fmt::join(cores, " ")),
                  .gpu = {},
                  .networks = networks()};
  std::vector<std::string> gpus;
  for (const auto& [fact, value] : kernels::cuda_facts()) {
    if (fact.starts_with("GPU ")) gpus.push_back(fmt::format("{}: {}", fact, value));
  }
  const std::size_t own = gpus.size() == 1 ? 0 : static_cast<std::size_t>(local_rank);
  if (own < gpus.size()) place.gpu = gpus[own];
  return place;
}

/// The median of some rounds, after one that connects.
std::string all_reduce_text(dist::ProcessGroup& ranks, Device device) {
  const Tensor numbers =
      Tensor::zeros({kReducedBytes / static_cast<std::int64_t>(sizeof(float))}, DType::f32, device);
  std::vector<double> seconds;
  for (int round = 0; round <= kRounds; ++round) {
    ranks.barrier();
    const train::Stopwatch watch;
    ranks.all_reduce(numbers)->wait();
    numbers.rows(0, 1).to(Device::cpu);  // waits for the device
    if (round > 0) seconds.push_back(watch.seconds());
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  return fmt::format("{:.1f} ms over {}, {:.2f} GB/s", 1e3 * median, ranks.name(),
                     static_cast<double>(kReducedBytes) / median / 1e9);
}

}  // namespace

std::vector<std::string> traps_of(const std::vector<RankPlace>& places) {
  std::vector<std::string> traps;
  std::map<std::string, std::vector<const RankPlace*>> hosts;
  for (const RankPlace& place : places) hosts[place.host].push_back(&place);
  for (const auto& [host, ranks] : hosts) {
    const RankPlace& first = *ranks.front();
    const auto count = static_cast<int>(ranks.size());
    if (first.cores == 1 && first.cores_of_host >= 2 * count)
      traps.push_back(
          fmt::format("{}: each process is bound to one of {} cores: mpirun --bind-to none", host,
                      first.cores_of_host));
    if (count > first.cores_of_host)
      traps.push_back(fmt::format("{}: {} processes share {} cores: fewer a host", host, count,
                                  first.cores_of_host));
    const auto with_gpu = std::count_if(ranks.begin(), ranks.end(),
                                        [](const RankPlace* place) { return !place->gpu.empty(); });
    if (with_gpu > 0 && with_gpu < count)
      traps.push_back(fmt::format("{}: {} processes, {} GPUs: a process needs one of its own", host,
                                  count, with_gpu));
    std::map<std::string, int> sharing, on_cores;
    for (const RankPlace* place : ranks) {
      ++sharing[place->gpu];
      if (place->cores < place->cores_of_host) ++on_cores[place->allowed];
    }
    for (const auto& [cores, processes] : on_cores) {
      if (!cores.empty() && processes > std::count(cores.begin(), cores.end(), ' ') + 1)
        traps.push_back(fmt::format("{}: {} processes share the cores {}: mpirun --bind-to none",
                                    host, processes, cores));
    }
    for (const auto& [gpu, processes] : sharing) {
      if (!gpu.empty() && processes > 1)
        traps.push_back(
            fmt::format("{}: {} processes share {}: NCCL refuses that, each needs one of its own",
                        host, processes, gpu));
    }
    if (hosts.size() > 1 && first.networks.size() > 1)
      traps.push_back(fmt::format(
          "{}: several networks ({}): if it hangs or is slow name the one between the hosts, "
          "mpirun --mca btl_tcp_if_include NAME, NCCL_SOCKET_IFNAME=NAME",
          host, fmt::join(first.networks, ", ")));
  }
  return traps;
}

Device rank_device() {
  return kernels::cuda_device() == kernels::CudaDevice::gpu ? Device::cuda : Device::cpu;
}

Facts place_facts(dist::ProcessGroup& ranks) {
  std::vector<RankPlace> places;
  for (const std::string& text : ranks.gather(nlohmann::json(own_place(ranks.local_rank())).dump()))
    places.push_back(nlohmann::json::parse(text).get<RankPlace>());
  Facts facts;
  for (std::size_t r = 0; r < places.size(); ++r) {
    const RankPlace& place = places[r];
    facts.emplace_back(
        fmt::format("rank {}", r),
        fmt::format("{}, {} of {} cores, {}; {}", place.host, place.cores, place.cores_of_host,
                    place.gpu.empty() ? "no GPU" : place.gpu,
                    place.networks.empty() ? "no network"
                                           : fmt::format("{}", fmt::join(place.networks, ", "))));
  }
  const std::vector<std::string> traps = traps_of(places);
  for (std::size_t i = 0; i < traps.size(); ++i)
    facts.emplace_back(fmt::format("hint {}", i + 1), traps[i]);
  return facts;
}

Facts speed_facts(dist::ProcessGroup& ranks) {
  return {{"all-reduce 64 MB", all_reduce_text(ranks, rank_device())}};
}

}  // namespace seqpe::tools
