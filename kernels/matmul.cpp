#include "kernels/matmul.h"

#include <atomic>

#include "kernels/common/error.h"

namespace seqpe::kernels {
namespace {

std::atomic<bool> allowed_tf32 = false;

}  // namespace

void allow_tf32(bool allowed) {
  allowed_tf32 = allowed;
}
bool tf32_allowed() {
  return allowed_tf32;
}

SEQPE_KERNEL_DEVICE_SWITCH(matmul, MatmulArgs)

}  // namespace seqpe::kernels
