#include "kernels/copy.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class CopyCuda : public testing::Test {};
TYPED_TEST_SUITE(CopyCuda, test::DeviceTypes);

struct Case {
  std::int64_t rows, cols, out_stride, x_stride;
};
const Case kCases[] = {{0, 4, 4, 4},    {3, 0, 4, 4},    {1, 1, 1, 1},         {5, 16, 16, 48},
                       {5, 16, 24, 16}, {7, 13, 15, 14}, {1, 4099, 4099, 4099}};

enum class Source { matrix, zeros };

template <typename T, template <typename> class Memory>
std::vector<T> run(const Context& context, const Case& c, Write write, Source source) {
  const Memory<T> x(test::random_vector<T>(c.rows * c.x_stride, 1));
  const Memory<T> out(
      test::random_vector<T>(c.rows * c.out_stride, 2));  // what lies between the rows must stay
  copy_rows(context, {.dtype = dtype_of<T>,
                      .out = out.data(),
                      .x = source == Source::matrix ? x.data() : nullptr,
                      .rows = c.rows,
                      .cols = c.cols,
                      .out_stride = c.out_stride,
                      .x_stride = c.x_stride,
                      .write = write});
  return out.read();
}

TYPED_TEST(CopyCuda, TheBitsOfTheCpu) {
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites) {
      for (const Source source : {Source::matrix, Source::zeros}) {
        SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols << " from " << c.x_stride
                                        << " to " << c.out_stride);
        const auto cpu = run<TypeParam, test::HostArray>(test::kCpu, c, write, source);
        test::under_every_schedule([&] {
          const auto device = run<TypeParam, test::DeviceArray>(test::kCuda, c, write, source);
          EXPECT_TRUE(test::bits_of(device) == test::bits_of(cpu));
        });
      }
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
