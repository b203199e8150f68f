#include "engine/ops/patches.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/patches.h"

namespace seqpe::ops {

Tensor patches(const Tensor& images, std::int64_t patch, DType dtype) {
  check_floating("patches", "images", images);
  require(images.rank() == 4 && images.dtype() == DType::f32,
          "[patches] images must be f32 [B, channels, height, width], got {} {}.",
          name_of(images.dtype()), to_string(images.shape()));
  require(!autograd::needs_recording({images}),
          "[patches] images take no gradient, but one is wanted.");
  const std::int64_t height = images.dim(2), width = images.dim(3);
  require(patch >= 1 && height % patch == 0 && width % patch == 0,
          "[patches] height and width must be multiples of the patch {}, got {} and {}.", patch,
          height, width);
  const std::int64_t channels = images.dim(1), rows = height / patch, columns = width / patch;
  const Tensor out = Tensor::empty({images.dim(0), rows * columns, channels * patch * patch}, dtype,
                                   images.device());
  kernels::patches(images.context(), {.dtype = dtype,
                                      .out = out.data(),
                                      .images = images.data_as<float>(),
                                      .batch = images.dim(0),
                                      .channels = channels,
                                      .rows = rows,
                                      .columns = columns,
                                      .patch = patch});
  return out;
}

}  // namespace seqpe::ops
