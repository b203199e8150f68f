// The station between an op's public kernel function and its implementations: one device switch
// and, on the CPU, one choice of instruction set.
//
//   kernels/x.h        SEQPE_KERNEL_DECLARE(x_forward, XForwardArgs)
//   kernels/x.cpp      SEQPE_KERNEL_SWITCH(x_forward, XForwardArgs)
//   kernels/cpu/x.cpp  cpu::SEQPE_ISA::x_forward(const XForwardArgs&)
//   kernels/cuda/x.cu  cuda::x_forward(const Context&, const XForwardArgs&)
#pragma once

#include "kernels/common/context.h"
#include "kernels/common/isa.h"
#include "kernels/common/profile.h"

namespace seqpe::kernels {

#ifdef SEQPE_WITH_CUDA
inline constexpr bool kWithCuda = true;
#else
inline constexpr bool kWithCuda = false;
#endif

/// Throws DeviceError: this build has no CUDA kernels.
[[noreturn]] void throw_built_without_cuda(const char* kernel);

}  // namespace seqpe::kernels

/// A CPU kernel that is compiled per instruction set, and its choice.
#define SEQPE_KERNEL_DECLARE_CPU(name, Args) \
  namespace cpu {                            \
  void name(const Args& args);               \
  namespace isa_v2 {                         \
  void name(const Args& args);               \
  }                                          \
  namespace isa_v3 {                         \
  void name(const Args& args);               \
  }                                          \
  namespace isa_v4 {                         \
  void name(const Args& args);               \
  }                                          \
  }

#define SEQPE_KERNEL_SWITCH_CPU(name, Args) \
  namespace cpu {                           \
  void name(const Args& args) {             \
    SEQPE_ISA_SWITCH(name, args);           \
  }                                         \
  }

/// A kernel of every device.
#define SEQPE_KERNEL_DECLARE(name, Args)               \
  void name(const Context& context, const Args& args); \
  SEQPE_KERNEL_DECLARE_CPU(name, Args)                 \
  namespace cuda {                                     \
  void name(const Context& context, const Args& args); \
  }

/// The device switch alone, for a kernel whose cpu::name is not compiled per instruction set (GEMM
/// libraries).
#define SEQPE_KERNEL_DEVICE_SWITCH(name, Args)                 \
  void name(const Context& context, const Args& args) {        \
    const KernelTimer timer(#name);                            \
    if (context.device == Device::cpu) return cpu::name(args); \
    if constexpr (kWithCuda) return cuda::name(context, args); \
    throw_built_without_cuda(#name);                           \
  }

#define SEQPE_KERNEL_SWITCH(name, Args) \
  SEQPE_KERNEL_SWITCH_CPU(name, Args)   \
  SEQPE_KERNEL_DEVICE_SWITCH(name, Args)
