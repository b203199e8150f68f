#include "tools/seqpe_engine/device_facts.h"

#include <array>

#include "kernels/common/cuda_version.h"
#include "kernels/device.h"
#include "tools/seqpe_engine/shared_library.h"

namespace seqpe::tools {
namespace {

std::string device_cuda() {
  switch (kernels::cuda_device()) {
    case kernels::CudaDevice::emulated:
      return "emulated on the CPU, for tests and study";
    case kernels::CudaDevice::gpu:
      return "GPU 0";  // of one process; each of several takes that of its number on the host
    case kernels::CudaDevice::none:
      break;
  }
  return "none: " + kernels::why_no_cuda();
}

/// "580.65.06, " by NVML, which comes with the driver; empty where it does not tell.
std::string driver_release() {
  const SharedLibrary nvml({"libnvidia-ml.so.1"});
  if (!nvml.is_there()) return "";
  auto* const init = nvml.function<int()>("nvmlInit_v2");
  auto* const get = nvml.function<int(char*, unsigned)>("nvmlSystemGetDriverVersion");
  std::array<char, 80> release{};  // NVML's own size of it
  if (init == nullptr || get == nullptr || init() != 0 || get(release.data(), release.size()) != 0)
    return "";
  return std::string(release.data()) + ", ";
}

std::string driver() {
  const SharedLibrary library({"libcuda.so.1"});
  if (!library.is_there())
    return "missing (no libcuda.so.1): apt install cuda-drivers where there is an NVIDIA GPU";
  int version = 0;
  auto* const get = library.function<int(int*)>("cuDriverGetVersion");
  if (get == nullptr || get(&version) != 0) return driver_release() + "it tells no version of CUDA";
  return driver_release() + "for CUDA up to " + kernels::cuda_version_text(version);
}

}  // namespace

Facts device_facts() {
  Facts facts{{"device cuda", device_cuda()}, {"driver", driver()}};
  for (auto& fact : kernels::cuda_facts()) facts.push_back(std::move(fact));
  return facts;
}

}  // namespace seqpe::tools
