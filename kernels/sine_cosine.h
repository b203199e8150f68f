// Sines and cosines of angles, as PositionAct::rotate reads them (kernels/position.h).
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// out[row, j] = sin(angles[row, j]), out[row, cols + j] = cos(angles[row, j])
struct SineCosineForwardArgs {
  DType dtype = DType::f32;
  void* out = nullptr;           // [rows, 2 cols]
  const void* angles = nullptr;  // [rows, cols]
  std::int64_t rows = 0, cols = 0;
};

/// grad_angles (=|+=) grad_out of the sine * cosine - grad_out of the cosine * sine
struct SineCosineBackwardArgs {
  DType dtype = DType::f32;
  void* grad_angles = nullptr;  // [rows, cols]
  Write write = Write::overwrite;
  const void* grad_out = nullptr;  // [rows, 2 cols]
  const void* out = nullptr;       // [rows, 2 cols]
  std::int64_t rows = 0, cols = 0;
};

SEQPE_KERNEL_DECLARE(sine_cosine_forward, SineCosineForwardArgs)
SEQPE_KERNEL_DECLARE(sine_cosine_backward, SineCosineBackwardArgs)

}  // namespace seqpe::kernels
