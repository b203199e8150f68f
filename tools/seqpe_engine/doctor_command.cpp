// seqpe_engine doctor: what this machine has, how fast its processor is, what is missing and how to
// get it.
#include <dlfcn.h>
#include <fmt/format.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/tensor.h"
#include "engine/train/progress.h"
#include "kernels/common/isa.h"
#include "kernels/device.h"
#include "kernels/matmul.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {
namespace {

struct Fact {
  std::string section, name, value;
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

/// Seconds of the fastest of a few calls.
template <typename F>
double fastest(const F& call) {
  double best = 1e30;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const train::Stopwatch watch;
    call();
    best = std::min(best, watch.seconds());
  }
  return best;
}

std::string gemm_rate() {
  constexpr std::int64_t kSize = 1024;
  const Tensor a = Tensor::full({kSize, kSize}, 0.5), b = Tensor::full({kSize, kSize}, 2.0),
               out = Tensor::empty({kSize, kSize}, DType::f32);
  const double seconds = fastest([&] {
    kernels::matmul(out.context(), {.dtype = DType::f32,
                                    .out = out.data(),
                                    .a = a.data(),
                                    .b = b.data(),
                                    .m = kSize,
                                    .n = kSize,
                                    .k = kSize,
                                    .lda = kSize,
                                    .ldb = kSize,
                                    .ldc = kSize});
  });
  require(out.span<float>()[kSize] == static_cast<float>(kSize),
          "[doctor] an element of the timed product must be {}, got {}.", kSize,
          out.span<float>()[kSize]);
  return fmt::format("{:.0f} GFLOP/s", 2e-9 * kSize * kSize * kSize / seconds);
}

std::string copy_rate() {
  constexpr std::int64_t kCount = 64 << 20;  // 256 MB, beyond most caches
  const Tensor from = Tensor::full({kCount}, 1.0), to = Tensor::empty({kCount}, DType::f32);
  const double seconds = fastest([&] { to.copy_from(from); });
  return fmt::format("{:.1f} GB/s read and written", 2e-9 * sizeof(float) * kCount / seconds);
}

/// A shared library that need not be there. It stays loaded: those of CUDA bring a C++ runtime of
/// their own, whose memory nobody would own once they are unloaded.
class Library {
 public:
  explicit Library(const std::vector<const char*>& names) {
    for (const char* name : names) {
      if (handle_ == nullptr) handle_ = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    }
  }
  bool is_there() const { return handle_ != nullptr; }
  template <typename F>
  F* function(const char* name) const {
    return reinterpret_cast<F*>(::dlsym(handle_, name));
  }

 private:
  void* handle_ = nullptr;
};

/// 13010 as "13.1": CUDA's thousands and tens.
std::string cuda_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

/// 91300 as "9.13.0", 22803 as "2.28.3": cuDNN's, NCCL's and cuBLASLt's ten thousands and hundreds.
std::string library_version(std::int64_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
}

std::string driver() {
  const Library library({"libcuda.so.1"});
  if (!library.is_there()) return "missing: install the NVIDIA driver of this machine's GPU";
  int version = 0;
  auto* const get = library.function<int(int*)>("cuDriverGetVersion");
  if (get == nullptr || get(&version) != 0) return "there, but it tells no version";
  return "for CUDA up to " + cuda_version(version);
}

std::string cublas_lt() {
  const Library library({"libcublasLt.so.13", "libcublasLt.so.12"});
  if (!library.is_there()) return "missing: install the CUDA Toolkit (cuBLAS)";
  auto* const get = library.function<std::size_t()>("cublasLtGetVersion");
  return get == nullptr ? "there, but it tells no version"
                        : library_version(static_cast<std::int64_t>(get()));
}

std::string cudnn() {
  const Library library({"libcudnn.so.9"});
  if (!library.is_there()) return "missing: install libcudnn9-cuda-13 or -12";
  auto* const get = library.function<std::size_t()>("cudnnGetVersion");
  return get == nullptr ? "there, but it tells no version"
                        : library_version(static_cast<std::int64_t>(get()));
}

std::string nccl() {
  const Library library({"libnccl.so.2"});
  if (!library.is_there()) return "missing: install libnccl2 (several GPUs)";
  int version = 0;
  auto* const get = library.function<int(int*)>("ncclGetVersion");
  if (get == nullptr || get(&version) != 0) return "there, but it tells no version";
  return library_version(version);
}

std::string device_cuda() {
  switch (kernels::cuda_device()) {
    case kernels::CudaDevice::emulated:
      return "emulated on the CPU, for tests and study";
    case kernels::CudaDevice::gpu:
      return "a GPU";
    case kernels::CudaDevice::none:
      break;
  }
  return "none: " + kernels::why_no_cuda();
}

std::vector<Fact> examine() {
  std::vector<Fact> facts;
  const auto add = [&](const char* section, const char* name, std::string value) {
    facts.push_back({section, name, std::move(value)});
  };
  add("machine", "processor", proc_value("/proc/cpuinfo", "model name"));
  add("machine", "threads",
      fmt::format("{} in use, {} here", omp_get_max_threads(), ::sysconf(_SC_NPROCESSORS_ONLN)));
  add("machine", "memory", fmt::format("{}, {} free", memory("MemTotal"), memory("MemAvailable")));
  add("cpu", "instruction set",
      fmt::format("{} of {}", kernels::name_of(kernels::active_isa()), SEQPE_ISA_NAMES));
  add("cpu", "GEMM library", SEQPE_GEMM_NAME);
  add("cpu", "f32 GEMM 1024^3", gemm_rate());
  add("cpu", "copy of 256 MB", copy_rate());
  add("cuda", "device cuda", device_cuda());
  add("cuda", "driver", driver());
  add("cuda", "cuBLASLt", cublas_lt());
  add("cuda", "cuDNN", cudnn());
  add("cuda", "NCCL", nccl());
  for (const auto& [name, value] : kernels::cuda_facts()) add("cuda", name.c_str(), value);
  return facts;
}

void print(const std::vector<Fact>& facts, bool json) {
  if (json) {
    nlohmann::ordered_json out;
    for (const auto& [section, name, value] : facts) out[section][name] = value;
    fmt::print("{}\n", out.dump(1));
    return;
  }
  std::string last;
  for (const auto& [section, name, value] : facts) {
    fmt::print("{:<8} {:<18} {}\n", section == last ? "" : section, name, value);
    last = section;
  }
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  CLI::App* doctor = app.add_subcommand(
      "doctor", "Tell what this machine has, how fast it is, and what is missing");
  doctor->footer("  seqpe_engine doctor\n  seqpe_engine doctor --json");
  const auto json = std::make_shared<bool>(false);
  doctor->add_flag("--json", *json, "One JSON object on stdout");
  doctor->callback([json] { print(examine(), *json); });
}

}  // namespace seqpe::tools
