// Dropout: out = x * keep / (1 - p). Element i is dropped if its Philox word is below p * 2^32; the
// word depends on the key and on the element's index in the global batch only, so backward draws
// the same mask again instead of storing it.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"
#include "kernels/common/philox.h"

namespace seqpe::kernels {

/// Forward: x is the input; residual (may be null) is added. Backward: x is grad_out, out is
/// grad_x, residual is null.
struct DropoutArgs {
  DType dtype = DType::f32;
  void* out = nullptr;
  Write write = Write::overwrite;
  const void* x = nullptr;
  const void* residual = nullptr;
  std::int64_t count = 0;
  double probability = 0.0;
  PhiloxKey key;
  std::uint64_t first_element = 0;  // index of x[0] in the global batch
  // Where x is a part of the batch: runs of so many elements, their beginnings so far apart in the
  // numbering. 0: one run.
  std::int64_t run = 0, run_stride = 0;
};

SEQPE_KERNEL_DECLARE(dropout, DropoutArgs)

}  // namespace seqpe::kernels
