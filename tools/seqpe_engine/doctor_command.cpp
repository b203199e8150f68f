// seqpe_engine doctor: what this machine has, how fast its processor is, what is missing and how to
// get it.
#include <fmt/format.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "kernels/common/error.h"
#include "kernels/common/isa.h"
#include "kernels/device.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/device_facts.h"
#include "tools/seqpe_engine/doctor_ranks.h"
#include "tools/seqpe_engine/libraries.h"
#include "tools/seqpe_engine/ranks.h"
#include "tools/seqpe_engine/rates.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {
namespace {

constexpr std::int64_t kCopiedBytes = 256 << 20;  // beyond most caches

struct Section {
  const char* name;
  Facts facts;
};

/// The value behind "name : value" of a file of /proc.
std::string proc_value(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(name) || colon == std::string::npos) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "unknown";
}

/// A line of /proc/meminfo.
std::string memory(const char* name) {
  const std::string kilobytes = proc_value("/proc/meminfo", name);
  return size_text(std::strtod(kilobytes.c_str(), nullptr) * 1024);
}

/// A rate on the device cuda. What fails is a fact, too: it may be why one asks.
template <typename F>
std::string rate_on_gpu(const F& measure) {
  try {
    return measure();
  } catch (const Error& error) {
    return fmt::format("failed: {}", error.what());
  }
}

/// Of the device cuda; nothing where there is none.
Facts cuda_rates() {
  constexpr std::int64_t kSize = 4096;
  const auto gemm = [](DType dtype) {
    return rate_on_gpu([&] { return gemm_rate(Device::cuda, dtype, kSize); });
  };
  switch (kernels::cuda_device()) {
    case kernels::CudaDevice::none:
      return {};
    case kernels::CudaDevice::emulated:
      return {{"rates", "not measured: times of the emulator say nothing of a GPU"}};
    case kernels::CudaDevice::gpu:
      return {
          {"f32 GEMM 4096^3", gemm(DType::f32)},
          {"bf16 GEMM 4096^3", gemm(DType::bf16)},
          {"copy of 256 MB", rate_on_gpu([] { return copy_rate(Device::cuda, kCopiedBytes); })}};
  }
  return {};
}

std::vector<Section> examine() {
  Facts cuda = device_facts();
  for (const Facts& more : {cuda_libraries(), cuda_rates()})
    cuda.insert(cuda.end(), more.begin(), more.end());
  const bool lacks = std::any_of(cuda.begin(), cuda.end(), [](const auto& fact) {
    return fact.second.find("apt install") != std::string::npos;
  });
  if (lacks) {
    cuda.emplace_back("packages",
                      "of NVIDIA's apt repository: https://developer.nvidia.com/cuda-downloads");
  }
  return {{"machine",
           {{"processor", proc_value("/proc/cpuinfo", "model name")},
            {"threads", fmt::format("{} in use, {} here", omp_get_max_threads(),
                                    ::sysconf(_SC_NPROCESSORS_ONLN))},
            {"memory", fmt::format("{}, {} free", memory("MemTotal"), memory("MemAvailable"))}}},
          {"cpu",
           {{"instruction set",
             fmt::format("{} of {}", kernels::name_of(kernels::active_isa()), SEQPE_ISA_NAMES)},
            {"GEMM library", SEQPE_GEMM_NAME},
            {"oneDNN", onednn_text()},
            {"f32 GEMM 1024^3", gemm_rate(Device::cpu, DType::f32, 1024)},
            {"copy of 256 MB", copy_rate(Device::cpu, kCopiedBytes)}}},
          {"cuda", cuda}};
}

void print(const std::vector<Section>& sections, bool json) {
  if (json) {
    nlohmann::ordered_json out;
    for (const auto& [section, facts] : sections) {
      for (const auto& [name, value] : facts) out[section][name] = value;
    }
    return fmt::print("{}\n", out.dump(1));
  }
  for (const auto& [section, facts] : sections) {
    for (const auto& [name, value] : facts) {
      fmt::print("{:<8} {:<18} {}\n", name == facts.front().first ? section : "", name, value);
    }
  }
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  CLI::App* doctor = app.add_subcommand(
      "doctor", "Tell what this machine has, how fast it is, and what is missing");
  doctor->footer(
      "  seqpe_engine doctor\n"
      "  seqpe_engine doctor --json\n"
      "  mpirun -np 4 seqpe_engine doctor        who runs where, and a timed all-reduce");
  const auto json = std::make_shared<bool>(false);
  doctor->add_flag("--json", *json, "One JSON object on stdout");
  doctor->callback([json] {
    dist::ProcessGroup& hosts = open_hosts({}, rank_device());
    // One by one: the others wait, and leave it the processor.
    std::vector<Section> sections;
    if (hosts.is_first()) sections = examine();
    hosts.barrier();
    if (hosts.size() == 1) return print(sections, *json);
    // NCCL may fail, or hang: the places tell why.
    Section places{"ranks", place_facts(hosts)};
    if (hosts.is_first() && !*json) {
      print(sections, false);
      print({places}, false);
      std::fflush(stdout);
    }
    const Facts speed = speed_facts(connect_devices({}, rank_device()));
    if (!speaks_for_all()) return;
    if (!*json) return print({{"", speed}}, false);
    places.facts.insert(places.facts.end(), speed.begin(), speed.end());
    sections.push_back(std::move(places));
    print(sections, true);
  });
}

}  // namespace seqpe::tools
