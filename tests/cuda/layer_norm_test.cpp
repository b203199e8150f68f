// layer_norm on the device against float64 on the CPU, measured by what the CPU's float32 or bf16
// reaches.
#include "kernels/layer_norm.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class LayerNormCuda : public testing::Test {};
TYPED_TEST_SUITE(LayerNormCuda, test::DeviceTypes);

struct Case {
  std::int64_t rows, cols;
};

// Rows in registers with 1 to 8 packs a lane, rows that no pack divides, rows longer than the
// registers hold.
const Case kCases[] = {{0, 8},    {1, 1},     {5, 8},   {3, 33},   {7, 768},  {2, 771},
                       {37, 132}, {300, 136}, {4, 512}, {2, 2048}, {1, 4096}, {1, 6144}};

/// Inputs, rounded to T.
template <typename T>
struct Problem {
  Case c;
  Write write;
  std::vector<T> x = test::random_vector<T>(c.rows * c.cols, 1, -2, 3);
  std::vector<T> weight = test::random_vector<T>(c.cols, 2, 0.5, 1.5);
  std::vector<T> bias = test::random_vector<T>(c.cols, 3);
  std::vector<T> grad_out = test::random_vector<T>(c.rows * c.cols, 4);
};

template <typename U>
struct Results {
  std::vector<U> out, grad_x, grad_weight, grad_bias;
  std::vector<Acc<U>> mean, rstd;
};

/// `Memory<U>` holds a vector where the kernel runs.
template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Problem<T>& problem) {
  const auto [rows, cols] = problem.c;
  const Memory<U> x(test::as<U>(problem.x)), weight(test::as<U>(problem.weight)),
      bias(test::as<U>(problem.bias)), grad_out(test::as<U>(problem.grad_out)),
      out(test::poisoned<U>(rows * cols));
  const Memory<Acc<U>> mean(test::poisoned<Acc<U>>(rows)), rstd(test::poisoned<Acc<U>>(rows));
  const auto before = [&](std::int64_t count, std::uint64_t seed) {
    return test::as<U>(test::before<T>(problem.write, count, seed));
  };
  const Memory<U> grad_x(before(rows * cols, 10)), grad_weight(before(cols, 11)),
      grad_bias(before(cols, 12));
  layer_norm_forward(context, {.dtype = dtype_of<U>,
                               .out = out.data(),
                               .mean = mean.data(),
                               .rstd = rstd.data(),
                               .x = x.data(),
                               .weight = weight.data(),
                               .bias = bias.data(),
                               .rows = rows,
                               .cols = cols});
  layer_norm_backward(context, {.dtype = dtype_of<U>,
                                .grad_x = grad_x.data(),
                                .grad_weight = grad_weight.data(),
                                .grad_bias = grad_bias.data(),
                                .write_x = problem.write,
                                .write_weight = problem.write,
                                .write_bias = problem.write,
                                .grad_out = grad_out.data(),
                                .x = x.data(),
                                .weight = weight.data(),
                                .mean = mean.data(),
                                .rstd = rstd.data(),
                                .rows = rows,
                                .cols = cols});
  return {out.read(),       grad_x.read(), grad_weight.read(),
          grad_bias.read(), mean.read(),   rstd.read()};
}

TYPED_TEST(LayerNormCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols);
      const Problem<T> problem{c, write};
      const auto exact = run<double, test::HostArray>(test::kCpu, problem);
      const auto cpu = run<T, test::HostArray>(test::kCpu, problem);
      test::under_every_schedule([&] {
        const auto device = run<T, test::DeviceArray>(test::on_cuda(), problem);
        test::expect_as_good(device.out, cpu.out, exact.out, "out");
        // Of sums in float32, which a result rounded to bf16 would not show.
        test::expect_as_good(device.mean, cpu.mean, exact.mean, "mean");
        test::expect_as_good(device.rstd, cpu.rstd, exact.rstd, "rstd");
        test::expect_as_good(device.grad_x, cpu.grad_x, exact.grad_x, "grad_x");
        test::expect_as_good(device.grad_weight, cpu.grad_weight, exact.grad_weight, "grad_weight");
        test::expect_as_good(device.grad_bias, cpu.grad_bias, exact.grad_bias, "grad_bias");
      });
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
