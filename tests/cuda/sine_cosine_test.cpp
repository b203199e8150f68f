// Sines, cosines and their gradient on the device against float64 on the CPU, measured by what the
// CPU's float32 or bf16 reaches.
#include "kernels/sine_cosine.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class SineCosineCuda : public testing::Test {};
TYPED_TEST_SUITE(SineCosineCuda, test::DeviceTypes);

struct Case {
  std::int64_t rows, cols;
  std::int64_t offset = 0;  // of every array behind an address for packs
};
const Case kCases[] = {{0, 3}, {1, 1}, {5, 7}, {9, 32}, {40, 16, 1}};

template <typename U>
struct Results {
  std::vector<U> out, grad;
};

template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Case& c, Write write) {
  const std::int64_t count = c.rows * c.cols + c.offset, wide = 2 * c.rows * c.cols + c.offset;
  const Memory<U> angles(test::as<U>(test::random_vector<T>(count, 1, -20.0, 20.0))),
      grad_out(test::as<U>(test::random_vector<T>(wide, 2))),
      values(test::as<U>(test::random_vector<T>(wide, 3))),
      out(std::vector<U>(static_cast<std::size_t>(wide))),
      grad(test::as<U>(test::random_vector<T>(count, 4)));
  sine_cosine_forward(context, {.dtype = dtype_of<U>,
                                .out = out.data() + c.offset,
                                .angles = angles.data() + c.offset,
                                .rows = c.rows,
                                .cols = c.cols});
  sine_cosine_backward(context, {.dtype = dtype_of<U>,
                                 .grad_angles = grad.data() + c.offset,
                                 .write = write,
                                 .grad_out = grad_out.data() + c.offset,
                                 .out = values.data() + c.offset,
                                 .rows = c.rows,
                                 .cols = c.cols});
  return {out.read(), grad.read()};
}

TYPED_TEST(SineCosineCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols << " from " << c.offset);
      const auto exact = run<double, test::HostArray, T>(test::kCpu, c, write);
      const auto cpu = run<T, test::HostArray, T>(test::kCpu, c, write);
      test::under_every_schedule([&] {
        const auto device = run<T, test::DeviceArray, T>(test::on_cuda(), c, write);
        test::expect_as_good(device.out, cpu.out, exact.out, "out");
        test::expect_as_good(device.grad, cpu.grad, exact.grad, "grad");
      });
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
