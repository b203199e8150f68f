#include "kernels/patches.h"

#include "kernels/common/parallel.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

void patches(const PatchesArgs& args) {
  dispatch_floating("patches", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const std::int64_t patch = args.patch, width = args.columns * patch,
                       plane = args.rows * patch * width, elements = args.channels * patch * patch;
    // A thread takes a row of patches.
    parallel_chunks(args.batch * args.rows, 1, [&](std::int64_t index, std::int64_t) {
      const std::int64_t image = index / args.rows, row = index % args.rows;
      T* out = static_cast<T*>(args.out) + index * args.columns * elements;
      const float* first = args.images + image * args.channels * plane + row * patch * width;
      for (std::int64_t column = 0; column < args.columns; ++column) {
        for (std::int64_t c = 0; c < args.channels; ++c) {
          for (std::int64_t y = 0; y < patch; ++y, out += patch) {
            const float* from = first + c * plane + y * width + column * patch;
            for (std::int64_t x = 0; x < patch; ++x) store(out + x, from[x]);
          }
        }
      }
    });
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
