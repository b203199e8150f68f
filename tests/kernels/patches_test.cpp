#include "kernels/patches.h"

#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class PatchesKernel : public testing::Test {};
TYPED_TEST_SUITE(PatchesKernel, test::Floating);

TYPED_TEST(PatchesKernel, EachPixelIsInItsPlace) {
  using T = TypeParam;
  struct Case {
    std::int64_t batch, channels, rows, columns, patch;
  };
  for (const Case& c : {Case{0, 3, 2, 2, 2}, {1, 1, 1, 1, 1}, {2, 3, 2, 5, 3}, {3, 2, 4, 1, 8}}) {
    const std::int64_t height = c.rows * c.patch, width = c.columns * c.patch,
                       count = c.batch * c.channels * height * width;
    const auto images = test::random_vector<float>(count, 1);
    auto out = test::poisoned<T>(count);
    patches(test::kCpu, {.dtype = dtype_of<T>,
                         .out = out.data(),
                         .images = images.data(),
                         .batch = c.batch,
                         .channels = c.channels,
                         .rows = c.rows,
                         .columns = c.columns,
                         .patch = c.patch});
    // Pixel by pixel of the images, where it must have gone.
    std::size_t from = 0;
    for (std::int64_t b = 0; b < c.batch; ++b) {
      for (std::int64_t channel = 0; channel < c.channels; ++channel) {
        for (std::int64_t y = 0; y < height; ++y) {
          for (std::int64_t x = 0; x < width; ++x, ++from) {
            const std::int64_t token = (b * c.rows + y / c.patch) * c.columns + x / c.patch,
                               at = ((token * c.channels + channel) * c.patch + y % c.patch) *
                                        c.patch +
                                    x % c.patch;
            ASSERT_EQ(test::to_double(out[static_cast<std::size_t>(at)]),
                      test::to_double(test::from_double<T>(images[from])))
                << b << " " << channel << " " << y << " " << x;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
