// Dropout: out = x * keep / (1 - p). Element i is dropped if its number (common/dropout_number.h)
// is below p * 2^16; that depends on the key and on the element's index in the global batch only,
// so backward draws the same mask again instead of storing it.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"
#include "kernels/common/philox.h"

namespace seqpe::kernels {

/// Which elements of a tensor are dropped.
struct DropoutDraw {
  double probability = 0.0;  // 0: none
  PhiloxKey key;
  const std::int32_t* step = nullptr;  // on the kernel's device: read for key.step; null: it holds
  std::uint64_t first_element = 0;     // number of element 0 in the global batch
  // Where the tensor is a part of the batch: runs of so many elements, their beginnings so far
  // apart in the numbering. 0: one run.
  std::int64_t run = 0, run_stride = 0;
  bool whole_runs = false;  // a run is dropped as a whole, by the number of its first element
};

/// Forward: x is the input; residual (may be null) is added. Backward: x is grad_out, out is
/// grad_x, residual is null.
struct DropoutArgs {
  DType dtype = DType::f32;
  void* out = nullptr;
  Write write = Write::overwrite;
  const void* x = nullptr;
  const void* residual = nullptr;
  std::int64_t count = 0;
  DropoutDraw draw;
};

SEQPE_KERNEL_DECLARE(dropout, DropoutArgs)

}  // namespace seqpe::kernels
