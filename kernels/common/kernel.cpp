#include "kernels/common/kernel.h"

#include "kernels/common/error.h"

namespace seqpe::kernels {

void throw_built_without_cuda(const char* kernel) {
  throw DeviceError(fmt::format(
      "[{}] device cuda was asked for, but this build has no CUDA kernels. Hint: use device cpu.",
      kernel));
}

}  // namespace seqpe::kernels
