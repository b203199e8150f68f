// An image as a sequence of square patches that do not overlap: what a convolution whose stride is
// its width reads, so that the patch embedding of a ViT is one matrix product
// (docs/architecture.md).
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// out[b, row * columns + column, (c * patch + y) * patch + x] =
///     images[b, c, row * patch + y, column * patch + x], rounded to dtype.
struct PatchesArgs {
  DType dtype = DType::f32;
  void* out = nullptr;            // [batch, rows * columns, channels * patch * patch]
  const float* images = nullptr;  // [batch, channels, rows * patch, columns * patch]
  std::int64_t batch = 0, channels = 3, rows = 0, columns = 0, patch = 1;
};

SEQPE_KERNEL_DECLARE(patches, PatchesArgs)

}  // namespace seqpe::kernels
