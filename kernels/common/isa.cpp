#include "kernels/common/isa.h"

#include <cpuid.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/common/error.h"

namespace seqpe::kernels {
namespace {

const std::vector<Isa> kBuilt = {
#ifdef SEQPE_HAVE_ISA_V2
    Isa::v2,
#endif
#ifdef SEQPE_HAVE_ISA_V3
    Isa::v3,
#endif
#ifdef SEQPE_HAVE_ISA_V4
    Isa::v4,
#endif
};

/// All of `bits` in register ecx of a CPUID leaf.
bool cpuid_ecx_has(unsigned leaf, unsigned bits) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(leaf, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bits) == bits;
}

/// All that a level of the x86-64 psABI promises a compiler. __builtin_cpu_supports also asks
/// whether the operating system saves the registers, but does not know every instruction.
bool processor_has(Isa isa) {
  constexpr unsigned kFeatures = 1, kExtendedFeatures = 0x80000001;
  __builtin_cpu_init();
  const bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") &&
                  cpuid_ecx_has(kFeatures, bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_CMPXCHG16B) &&
                  cpuid_ecx_has(kExtendedFeatures, bit_LAHF_LM);
  const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                  cpuid_ecx_has(kFeatures, bit_MOVBE | bit_F16C) &&
                  cpuid_ecx_has(kExtendedFeatures, bit_LZCNT);
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  switch (isa) {
    case Isa::v2:
      return v2;
    case Isa::v3:
      return v3;
    case Isa::v4:
      return v4;
  }
  return false;
}

std::string built_names() {
  std::string names;
  for (const Isa isa : kBuilt) names += (names.empty() ? "" : ", ") + std::string(name_of(isa));
  return names;
}

Isa choose_isa() {
  const char* forced = std::getenv("SEQPE_ISA");
  if (forced != nullptr && *forced == '\0') forced = nullptr;  // unset, as a shell writes it
  std::optional<Isa> best;
  for (const Isa isa : kBuilt) {
    if (!processor_has(isa)) continue;
    if (forced == nullptr || std::string_view(forced) == name_of(isa)) best = isa;
  }
  if (forced != nullptr) {
    require<DeviceError>(best.has_value(),
                         "[cpu] SEQPE_ISA must be a level that this build holds ({}) and this "
                         "processor runs, got '{}'.",
                         built_names(), forced);
  }
  require<DeviceError>(best.has_value(),
                       "[cpu] This build needs a processor of level {}, this one is older.",
                       built_names());
  return *best;
}

}  // namespace

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::v2:
      return "v2";
    case Isa::v3:
      return "v3";
    case Isa::v4:
      return "v4";
  }
  return "?";
}

Isa active_isa() {
  static const Isa isa = choose_isa();
  return isa;
}

}  // namespace seqpe::kernels
