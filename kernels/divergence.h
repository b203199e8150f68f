// How far two matrices of log-probabilities are apart, as one mean over all elements.
//   kl_div: mean(exp(t) * (t - s)), t the target's, s the student's
//   mse: mean((t - s)^2)
// kl_div is PyTorch's with reduction mean and log_target.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

enum class DivergenceKind : std::uint8_t { kl_div, mse };

struct DivergenceForwardArgs {
  DType dtype = DType::f32;
  DivergenceKind kind = DivergenceKind::kl_div;
  double* out = nullptr;  // the mean
  const void* target = nullptr;
  const void* student = nullptr;
  std::int64_t count = 0;
};

/// Either gradient may be null.
struct DivergenceBackwardArgs {
  DType dtype = DType::f32;
  DivergenceKind kind = DivergenceKind::kl_div;
  void* grad_target = nullptr;
  void* grad_student = nullptr;
  Write write_target = Write::overwrite;
  Write write_student = Write::overwrite;
  const void* target = nullptr;
  const void* student = nullptr;
  std::int64_t count = 0;
  const double* grad_out = nullptr;  // one number, on the device
};

SEQPE_KERNEL_DECLARE(divergence_forward, DivergenceForwardArgs)
SEQPE_KERNEL_DECLARE(divergence_backward, DivergenceBackwardArgs)

}  // namespace seqpe::kernels
