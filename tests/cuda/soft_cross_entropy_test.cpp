// Cross-entropy with soft targets on the device against float64 on the CPU, measured by what the
// CPU's float32 or bf16 reaches.
#include "kernels/soft_cross_entropy.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class SoftCrossEntropyCuda : public testing::Test {};
TYPED_TEST_SUITE(SoftCrossEntropyCuda, test::DeviceTypes);

struct Case {
  std::int64_t rows, cols;
  double low = -3.0, high = 3.0;  // of the logits
};
// Fewer classes than threads of a warp, more than of a block.
const Case kCases[] = {{0, 3}, {1, 1}, {9, 10}, {5, 64}, {3, 1000}, {4, 20, -200.0, 200.0}};

template <typename U>
struct Results {
  std::vector<Acc<U>> losses;
  std::vector<U> grad;
};

template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Case& c, bool with_gradient = true) {
  const std::int64_t count = c.rows * c.cols;
  const Memory<U> logits(test::as<U>(test::random_vector<T>(count, 1, c.low, c.high))),
      grad(test::poisoned<U>(count));
  const Memory<float> targets(test::random_vector<float>(count, 2, 0.0, 1.0));
  const Memory<Acc<U>> losses(test::poisoned<Acc<U>>(c.rows));
  soft_cross_entropy(context, {.dtype = dtype_of<U>,
                               .losses = losses.data(),
                               .logits = logits.data(),
                               .targets = targets.data(),
                               .rows = c.rows,
                               .cols = c.cols,
                               .grad_logits = with_gradient ? grad.data() : nullptr,
                               .grad_scale = -0.5});
  return {losses.read(), grad.read()};
}

TYPED_TEST(SoftCrossEntropyCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols);
    const auto exact = run<double, test::HostArray, T>(test::kCpu, c);
    const auto cpu = run<T, test::HostArray, T>(test::kCpu, c);
    test::under_every_schedule([&] {
      const auto device = run<T, test::DeviceArray, T>(test::on_cuda(), c);
      test::expect_as_good(device.losses, cpu.losses, exact.losses, "losses");
      test::expect_as_good(device.grad, cpu.grad, exact.grad, "grad_logits");
      const auto alone = run<T, test::DeviceArray, T>(test::on_cuda(), c, false);
      EXPECT_TRUE(test::bits_of(alone.losses) == test::bits_of(device.losses));
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels
