#include "kernels/patches.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class PatchesCuda : public testing::Test {};
TYPED_TEST_SUITE(PatchesCuda, test::DeviceTypes);

struct Case {
  std::int64_t batch, channels, rows, columns, patch;
};
// Patches of single elements, of whole packs and of none.
const Case kCases[] = {
    {0, 3, 2, 2, 2}, {1, 1, 1, 1, 1}, {2, 3, 2, 5, 3}, {2, 3, 3, 2, 16}, {5, 2, 4, 1, 4}};

template <typename T, template <typename> class Memory>
std::vector<T> run(const Context& context, const Case& c) {
  const std::int64_t count = c.batch * c.channels * c.rows * c.columns * c.patch * c.patch;
  const Memory<float> images(test::random_vector<float>(count, 1));
  const Memory<T> out(test::poisoned<T>(count));
  patches(context, {.dtype = dtype_of<T>,
                    .out = out.data(),
                    .images = images.data(),
                    .batch = c.batch,
                    .channels = c.channels,
                    .rows = c.rows,
                    .columns = c.columns,
                    .patch = c.patch});
  return out.read();
}

TYPED_TEST(PatchesCuda, ThoseOfTheCpu) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message()
                 << c.batch << " x " << c.rows << " x " << c.columns << " of " << c.patch);
    const auto cpu = run<T, test::HostArray>(test::kCpu, c);
    test::under_every_schedule([&] {
      EXPECT_TRUE(test::bits_of(run<T, test::DeviceArray>(test::on_cuda(), c)) ==
                  test::bits_of(cpu));
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels
