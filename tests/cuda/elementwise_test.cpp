#include "kernels/elementwise.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

using test::as;

template <typename T>
class ElementwiseCuda : public testing::Test {};
TYPED_TEST_SUITE(ElementwiseCuda, test::DeviceTypes);

struct Case {
  std::int64_t count;
  std::int64_t offset;  // elements before the first one: an odd one forbids packs
};
// No element, one, less than a pack, packs with a rest, more than one block.
const Case kCases[] = {{0, 0}, {1, 0}, {3, 0}, {64, 0}, {1027, 0}, {1027, 1}, {5000, 8}};

template <typename U, template <typename> class Memory, typename T, typename Args>
std::vector<U> combine(const Context& context, void (*kernel)(const Context&, const Args&),
                       const Case& c, Write write, Args args) {
  const std::int64_t size = c.count + c.offset;
  const Memory<U> a(as<U>(test::random_vector<T>(size, 1))),
      b(as<U>(test::random_vector<T>(size, 2)));
  const Memory<U> out(as<U>(test::before<T>(write, size)));
  args.dtype = dtype_of<U>;
  args.out = out.data() + c.offset;
  args.a = a.data() + c.offset;
  args.b = b.data() + c.offset;
  args.count = c.count;
  args.write = write;
  kernel(context, args);
  auto result = out.read();
  result.erase(result.begin(), result.begin() + c.offset);
  return result;
}

template <typename T, typename Args>
void expect_combines(void (*kernel)(const Context&, const Args&), const Args& args) {
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message() << c.count << " elements from " << c.offset);
      const auto exact = combine<double, test::HostArray, T>(test::kCpu, kernel, c, write, args);
      const auto cpu = combine<T, test::HostArray, T>(test::kCpu, kernel, c, write, args);
      test::under_every_schedule([&] {
        test::expect_as_good(
            combine<T, test::DeviceArray, T>(test::on_cuda(), kernel, c, write, args), cpu, exact,
            "out");
      });
    }
  }
}

TYPED_TEST(ElementwiseCuda, AddAndMultiply) {
  expect_combines<TypeParam, AddArgs>(add, {.alpha = 0.5});
  expect_combines<TypeParam, MultiplyArgs>(multiply, {});
}

TYPED_TEST(ElementwiseCuda, AddTakesAFactorFromTheDevice) {
  using T = TypeParam;
  const auto a = test::random_vector<T>(77, 3), b = test::random_vector<T>(77, 4);
  const test::DeviceArray<T> on_device(a), other(b);
  const test::DeviceArray<double> factor({-0.5});
  for (const bool with_b : {false, true}) {
    const test::DeviceArray<T> out(test::poisoned<T>(77));
    add(test::on_cuda(), {.dtype = dtype_of<T>,
                          .out = out.data(),
                          .a = on_device.data(),
                          .b = with_b ? other.data() : nullptr,
                          .alpha = 4.0,
                          .factor = factor.data(),
                          .count = 77});
    test::Doubles expected;
    for (std::size_t i = 0; i < a.size(); ++i)
      expected.push_back(-2 * test::to_double(a[i]) + (with_b ? test::to_double(b[i]) : 0.0));
    test::expect_close(out.read(), expected, test::tolerance<T>(1, test::largest(expected)), "out");
  }
}

TYPED_TEST(ElementwiseCuda, AddOfOneOperandInPlace) {
  using T = TypeParam;
  const auto x = test::random_vector<T>(77, 3);
  const test::DeviceArray<T> out(x);
  add(test::on_cuda(),
      {.dtype = dtype_of<T>, .out = out.data(), .a = out.data(), .alpha = 2.0, .count = 77});
  const auto doubled = out.read();
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(test::to_double(doubled[i]), 2 * test::to_double(x[i]));
}

struct RowsCase {
  std::int64_t rows, blocks, inner, first_row;
};
const RowsCase kRowsCases[] = {
    {0, 1, 4, 0}, {1, 1, 1, 0}, {5, 2, 24, 1}, {7, 3, 33, 5}, {4, 5, 8, 2}};

template <typename U, template <typename> class Memory, typename T>
std::pair<std::vector<U>, std::vector<U>> rows_of(const Context& context, const RowsCase& c,
                                                  Write write) {
  const Memory<U> x(as<U>(test::random_vector<T>(c.rows * c.inner, 1)));
  const Memory<U> y(as<U>(test::random_vector<T>(c.blocks * c.inner, 2)));
  const Memory<U> out(test::poisoned<U>(c.rows * c.inner)),
      grad_y(as<U>(test::before<T>(write, c.blocks * c.inner)));
  add_rows(context, {.dtype = dtype_of<U>,
                     .out = out.data(),
                     .x = x.data(),
                     .y = y.data(),
                     .rows = c.rows,
                     .blocks = c.blocks,
                     .inner = c.inner,
                     .first_row = c.first_row});
  add_rows_backward(context, {.dtype = dtype_of<U>,
                              .grad_y = grad_y.data(),
                              .grad_out = x.data(),
                              .rows = c.rows,
                              .blocks = c.blocks,
                              .inner = c.inner,
                              .first_row = c.first_row,
                              .write = write});
  return {out.read(), grad_y.read()};
}

TYPED_TEST(ElementwiseCuda, RowsOfBlocks) {
  using T = TypeParam;
  for (const RowsCase& c : kRowsCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message()
                   << c.rows << " rows, " << c.blocks << " blocks of " << c.inner);
      const auto exact = rows_of<double, test::HostArray, T>(test::kCpu, c, write);
      const auto cpu = rows_of<T, test::HostArray, T>(test::kCpu, c, write);
      test::under_every_schedule([&] {
        const auto device = rows_of<T, test::DeviceArray, T>(test::on_cuda(), c, write);
        test::expect_as_good(device.first, cpu.first, exact.first, "out");
        test::expect_as_good(device.second, cpu.second, exact.second, "grad_y");
      });
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
