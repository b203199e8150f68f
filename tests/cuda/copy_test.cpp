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

template <typename T, template <typename> class Memory>
std::vector<T> run(const Context& context, const Case& c, Write write) {
  const Memory<T> x(test::random_vector<T>(c.rows * c.x_stride, 1));
  const Memory<T> out(
      test::random_vector<T>(c.rows * c.out_stride, 2));  // what lies between the rows must stay
  copy_rows(context, {.dtype = dtype_of<T>,
                      .out = out.data(),
                      .x = x.data(),
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
      SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols << " from " << c.x_stride
                                      << " to " << c.out_stride);
      const auto cpu = run<TypeParam, test::HostArray>(test::kCpu, c, write);
      test::under_every_schedule([&] {
        const auto device = run<TypeParam, test::DeviceArray>(test::on_cuda(), c, write);
        EXPECT_TRUE(test::bits_of(device) == test::bits_of(cpu));
      });
    }
  }
}

template <typename From, typename To, template <typename> class Memory>
std::vector<To> converted(const Context& context, std::int64_t count, std::int64_t offset,
                          Write write) {
  const Memory<From> x(test::random_vector<From>(count + offset, 1));
  const Memory<To> out(test::before<To>(write, count + offset));
  convert(context, {.from = dtype_of<From>,
                    .to = dtype_of<To>,
                    .out = out.data() + offset,
                    .x = x.data() + offset,
                    .count = count,
                    .write = write});
  auto result = out.read();
  result.erase(result.begin(), result.begin() + offset);
  return result;
}

template <typename From, typename To>
void expect_the_cpu_s_bits() {
  struct Run {
    std::int64_t count, offset;
  };
  for (const Run& run : {Run{0, 0}, {1, 0}, {1027, 0}, {1027, 1}}) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message() << run.count << " elements from " << run.offset);
      const auto cpu =
          converted<From, To, test::HostArray>(test::kCpu, run.count, run.offset, write);
      test::under_every_schedule([&] {
        const auto device =
            converted<From, To, test::DeviceArray>(test::on_cuda(), run.count, run.offset, write);
        EXPECT_TRUE(test::bits_of(device) == test::bits_of(cpu));
      });
    }
  }
}

TEST(FillCuda, EveryElementAndNoOther) {
  const auto check = [](auto value) {
    using T = decltype(value);
    for (const std::int64_t count : {0, 1, 1027}) {
      test::under_every_schedule([&] {
        const test::DeviceArray<T> out(std::vector<T>(static_cast<std::size_t>(count + 2)));
        fill(test::on_cuda(), {.dtype = dtype_of<T>,
                               .out = out.data() + 1,
                               .count = count,
                               .value = test::to_double(value)});
        const auto filled = out.read();
        for (std::size_t i = 0; i < filled.size(); ++i) {
          const bool inside = i > 0 && i + 1 < filled.size();
          EXPECT_EQ(test::to_double(filled[i]), inside ? test::to_double(value) : 0.0) << i;
        }
      });
    }
  };
  check(1.25f);
  check(bf16(-3.5f));
  check(0.1);
}

TEST(ConvertCuda, TheBitsOfTheCpu) {
  expect_the_cpu_s_bits<float, bf16>();
  expect_the_cpu_s_bits<bf16, float>();
}

}  // namespace
}  // namespace seqpe::kernels
