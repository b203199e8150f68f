// The x86-64 levels that hot CPU kernels are compiled for, and the one in use.
#pragma once

#include <cstdint>

namespace seqpe::kernels {

/// v2: SSE4.2; v3: AVX2 and FMA; v4: AVX-512 (F, BW, CD, DQ, VL).
enum class Isa : std::uint8_t { v2, v3, v4 };

const char* name_of(Isa isa);

/// The highest level that this build holds and this processor runs; the environment variable
/// SEQPE_ISA (v2, v3 or v4) forces one unless it is empty. Decided once. Throws DeviceError where
/// the forced one is absent.
Isa active_isa();

}  // namespace seqpe::kernels

#ifdef SEQPE_HAVE_ISA_V2
#define SEQPE_ISA_CASE_V2(call) \
  case Isa::v2:                 \
    return isa_v2::call;
#else
#define SEQPE_ISA_CASE_V2(call)
#endif
#ifdef SEQPE_HAVE_ISA_V3
#define SEQPE_ISA_CASE_V3(call) \
  case Isa::v3:                 \
    return isa_v3::call;
#else
#define SEQPE_ISA_CASE_V3(call)
#endif
#ifdef SEQPE_HAVE_ISA_V4
#define SEQPE_ISA_CASE_V4(call) \
  case Isa::v4:                 \
    return isa_v4::call;
#else
#define SEQPE_ISA_CASE_V4(call)
#endif

/// `return isa_vN::name(args)` for the active level; active_isa() never returns one that is not
/// built.
#define SEQPE_ISA_SWITCH(name, ...)      \
  switch (active_isa()) {                \
    SEQPE_ISA_CASE_V2(name(__VA_ARGS__)) \
    SEQPE_ISA_CASE_V3(name(__VA_ARGS__)) \
    SEQPE_ISA_CASE_V4(name(__VA_ARGS__)) \
    default:                             \
      break;                             \
  }
