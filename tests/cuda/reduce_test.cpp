#include "kernels/reduce.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

using test::as;

template <typename T>
class ReduceCuda : public testing::Test {};
TYPED_TEST_SUITE(ReduceCuda, test::DeviceTypes);

struct Case {
  std::int64_t rows, cols;
};
const Case kCases[] = {{0, 5},    {4, 0},     {1, 1},    {3, 24},
                       {300, 40}, {129, 263}, {5, 1024}, {2200, 40}};

template <typename U, template <typename> class Memory, typename T>
std::vector<U> columns(const Context& context, const Case& c, Write write) {
  const Memory<U> x(as<U>(test::random_vector<T>(c.rows * c.cols, 1))),
      out(as<U>(test::before<T>(write, c.cols)));
  column_sum(context, {.dtype = dtype_of<U>,
                       .out = out.data(),
                       .write = write,
                       .x = x.data(),
                       .rows = c.rows,
                       .cols = c.cols});
  return out.read();
}

TYPED_TEST(ReduceCuda, ColumnSum) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols);
      const auto exact = columns<double, test::HostArray, T>(test::kCpu, c, write);
      const auto cpu = columns<T, test::HostArray, T>(test::kCpu, c, write);
      test::under_every_schedule([&] {
        test::expect_as_good(columns<T, test::DeviceArray, T>(test::on_cuda(), c, write), cpu,
                             exact, "out");
      });
    }
  }
}

TEST(ReduceCudaWide, ColumnSumOfBf16InFloat32) {
  constexpr std::int64_t kRows = 300, kCols = 40;
  for (const Write write : test::kWrites) {
    const auto x = test::random_vector<bf16>(kRows * kCols, 1);
    const auto run = [&](const Context& context, const bf16* from, float* out) {
      column_sum(context, {.dtype = DType::bf16,
                           .out = out,
                           .wide_out = true,
                           .write = write,
                           .x = from,
                           .rows = kRows,
                           .cols = kCols});
    };
    const auto initial = test::before<float>(write, kCols);
    auto cpu = initial;
    run(test::kCpu, x.data(), cpu.data());
    test::under_every_schedule([&] {
      const test::DeviceArray<bf16> on_device(x);
      const test::DeviceArray<float> out(initial);
      run(test::on_cuda(), on_device.data(), out.data());
      const auto sums = out.read();
      for (std::size_t c = 0; c < sums.size(); ++c) EXPECT_NEAR(sums[c], cpu[c], 1e-4) << c;
    });
  }
}

// Sums are kept in float64: only their order differs from the CPU's.
TYPED_TEST(ReduceCuda, SumsToOneNumber) {
  using T = TypeParam;
  for (const std::int64_t count : {0, 1, 5, 8192, 20011}) {
    SCOPED_TRACE(count);
    const test::HostArray<T> host(test::random_vector<T>(count, 1));
    for (const auto kernel : {sum, sum_of_squares}) {
      double cpu = 0;
      kernel(test::kCpu, {.dtype = dtype_of<T>, .out = &cpu, .x = host.data(), .count = count});
      test::under_every_schedule([&] {
        const test::DeviceArray<T> x(host.read());
        const test::DeviceArray<double> out({std::nan("")});
        kernel(test::on_cuda(),
               {.dtype = dtype_of<T>, .out = out.data(), .x = x.data(), .count = count});
        EXPECT_NEAR(out.read()[0], cpu, 1e-12 * static_cast<double>(count));
      });
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
