// Softmax and log-softmax on the device against float64 on the CPU, measured by what the CPU's
// float32 or bf16 reaches.
#include "kernels/softmax.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class SoftmaxCuda : public testing::Test {};
using DeviceTypes = testing::Types<float, bf16>;
TYPED_TEST_SUITE(SoftmaxCuda, DeviceTypes);

struct Case {
  std::int64_t rows = 3, cols = 5;
  double low = -4.0, high = 4.0;
  std::int64_t offset = 0;  // of every array behind an address for packs
};

// 1 to 8 packs a lane and a block a row, each in packs and in elements.
const Case kCases[] = {{.rows = 0},
                       {.cols = 0},
                       {.rows = 1, .cols = 1},
                       {.cols = 8},
                       {.rows = 18, .cols = 33},
                       {.rows = 5, .cols = 64, .offset = 1},
                       {.cols = 100},
                       {.cols = 256, .offset = 4},
                       {.cols = 771},
                       {.cols = 512},
                       {.rows = 2, .cols = 3000},
                       {.rows = 2, .cols = 1001, .low = -100.0, .high = 100.0},
                       {.rows = 2, .cols = 8200, .low = -100.0, .high = 100.0},
                       {.cols = 20, .low = -300.0, .high = 300.0},
                       {.cols = 20, .low = 1000.0, .high = 1001.0}};

template <typename T>
struct Problem {
  Case c;
  bool log;
  Write write = Write::overwrite;
  std::int64_t count = c.rows * c.cols + c.offset;
  std::vector<T> x = test::random_vector<T>(count, 1, c.low, c.high);
  std::vector<T> grad_out = test::random_vector<T>(count, 2);
};

template <typename U>
struct Results {
  std::vector<U> out, grad_x;
};

template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Problem<T>& problem) {
  const Case& c = problem.c;
  const Memory<U> x(test::as<U>(problem.x)), grad_out(test::as<U>(problem.grad_out)),
      out(std::vector<U>(static_cast<std::size_t>(problem.count))),
      grad_x(test::as<U>(test::random_vector<T>(problem.count, 3)));
  softmax_forward(context, {.dtype = dtype_of<U>,
                            .out = out.data() + c.offset,
                            .x = x.data() + c.offset,
                            .rows = c.rows,
                            .cols = c.cols,
                            .log = problem.log});
  softmax_backward(context, {.dtype = dtype_of<U>,
                             .grad_x = grad_x.data() + c.offset,
                             .write = problem.write,
                             .grad_out = grad_out.data() + c.offset,
                             .out = out.data() + c.offset,
                             .rows = c.rows,
                             .cols = c.cols,
                             .log = problem.log});
  return {out.read(), grad_x.read()};
}

TYPED_TEST(SoftmaxCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const bool log : {false, true}) {
      for (const Write write : test::kWrites) {
        SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols << " log " << log);
        const Problem<T> problem{.c = c, .log = log, .write = write};
        const auto exact = run<double, test::HostArray>(test::kCpu, problem);
        const auto cpu = run<T, test::HostArray>(test::kCpu, problem);
        test::under_every_schedule([&] {
          const auto device = run<T, test::DeviceArray>(test::on_cuda(), problem);
          test::expect_as_good(device.out, cpu.out, exact.out, "out");
          test::expect_as_good(device.grad_x, cpu.grad_x, exact.grad_x, "grad_x");
        });
      }
    }
  }
}

/// Masked logits give exact zeros; what is no number on the CPU is none on the device.
TYPED_TEST(SoftmaxCuda, InfinitiesAndNaNsAreThoseOfTheCpu) {
  using T = TypeParam;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const std::int64_t cols : {5, 96, 8200, 8203}) {
    for (const bool log : {false, true}) {
      SCOPED_TRACE(testing::Message() << cols << " log " << log);
      Problem<T> problem{.c = {.rows = 6, .cols = cols}, .log = log};
      const auto element = [&](std::int64_t row, std::int64_t c) -> T& {
        return problem.x[static_cast<std::size_t>(row * cols + c)];
      };
      const auto set_row = [&](std::int64_t row, double value) {
        for (std::int64_t c = 0; c < cols; ++c) element(row, c) = test::from_double<T>(value);
      };
      for (std::int64_t c = 0; c < cols; c += 2)
        element(0, c) = test::from_double<T>(-kInfinity);  // half of it masked
      set_row(1, -kInfinity);
      set_row(2, -kInfinity);
      element(2, cols - 1) = test::from_double<T>(3.0);  // all but one masked
      element(3, cols / 2) = test::from_double<T>(std::nan(""));
      element(4, 1) = test::from_double<T>(kInfinity);
      const auto cpu = run<T, test::HostArray>(test::kCpu, problem);
      test::under_every_schedule([&] {
        const auto device = run<T, test::DeviceArray>(test::on_cuda(), problem);
        test::expect_close(device.out, test::to_double(cpu.out), test::tolerance<T>(cols, 8.0),
                           "out");
        test::expect_close(device.grad_x, test::to_double(cpu.grad_x),
                           test::tolerance<T>(cols, std::sqrt(cols)), "grad_x");
        for (std::size_t i = 0; i < cpu.out.size(); ++i) {
          ASSERT_EQ(std::isnan(test::to_double(device.out[i])),
                    std::isnan(test::to_double(cpu.out[i])))
              << i;
          ASSERT_EQ(test::to_double(device.out[i]) == 0.0, test::to_double(cpu.out[i]) == 0.0) << i;
        }
      });
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
