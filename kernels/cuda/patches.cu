// A copy in another order, a map over the output (elementwise_map.h): a pack lies in one line of a
// patch. The threads of a warp read lines of patch * 4 bytes.
#include "kernels/patches.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise_map.h"

namespace seqpe::kernels::cuda {
namespace {

/// Element i of the patches; N neighbours where N divides the width of a patch.
struct PatchPixel {
  const float* images;
  std::int64_t channels, rows, columns, patch;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    const std::int64_t line = i / patch, x = i - line * patch;  // a line of a patch
    const std::int64_t area = line / patch, y = line - area * patch;
    const std::int64_t place = area / channels, c = area - place * channels;
    const std::int64_t strip = place / columns, column = place - strip * columns;
    const std::int64_t image = strip / rows, row = strip - image * rows;
    const std::int64_t height = rows * patch, width = columns * patch;
    load_floats(values, images + ((image * channels + c) * height + row * patch + y) * width +
                            column * patch + x);
  }
};

}  // namespace

void patches(const Context& context, const PatchesArgs& args) {
  dispatch("patches", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kPack = simt::kPackSize<float>;
    const bool packs = args.patch % kPack == 0 && aligned_for_packs(args.out, args.images);
    const std::int64_t count =
        args.batch * args.rows * args.columns * args.channels * args.patch * args.patch;
    launch_map<kPack>(context, "patches", static_cast<T*>(args.out), count, Write::overwrite, packs,
                      PatchPixel{args.images, args.channels, args.rows, args.columns, args.patch});
  });
}

}  // namespace seqpe::kernels::cuda
