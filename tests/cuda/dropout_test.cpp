#include "kernels/dropout.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class DropoutCuda : public testing::Test {};
TYPED_TEST_SUITE(DropoutCuda, test::DeviceTypes);

struct Case {
  std::int64_t count;
  double probability;
  std::uint64_t first_element = 0;
  std::int64_t run = 0, run_stride = 0;
  bool residual = false;
  Write write = Write::overwrite;
  bool whole_runs = false;
};
// Packs are whole Philox blocks, or not: odd first elements, runs that no pack divides.
const Case kCases[] = {{0, 0.5},
                       {1, 0.5},
                       {1001, 0.1},
                       {1001, 0.0},
                       {640, 0.3, 128, 0, 0, true},
                       {640, 0.3, 3, 0, 0, true, Write::accumulate},
                       {96, 0.4, 16, 32, 160},
                       {91, 0.4, 5, 13, 29, true},
                       {512, 0.9, (1ull << 34) + 4},
                       {640, 0.5, 3, 32, 1, true, Write::accumulate, true},
                       {91, 0.5, 5, 13, 3, false, Write::overwrite, true}};

template <typename T, template <typename> class Memory>
std::vector<T> run(const Context& context, const Case& c, bool step_in_memory = false) {
  const Memory<std::int32_t> step({13});
  const Memory<T> x(test::random_vector<T>(c.count, 1)),
      residual(test::random_vector<T>(c.count, 2));
  const Memory<T> out(test::before<T>(c.write, c.count));
  dropout(context, {.dtype = dtype_of<T>,
                    .out = out.data(),
                    .write = c.write,
                    .x = x.data(),
                    .residual = c.residual ? residual.data() : nullptr,
                    .count = c.count,
                    .draw = {.probability = c.probability,
                             .key = {.seed = 7, .stream = 11, .step = step_in_memory ? 0u : 13u},
                             .step = step_in_memory ? step.data() : nullptr,
                             .first_element = c.first_element,
                             .run = c.run,
                             .run_stride = c.run_stride,
                             .whole_runs = c.whole_runs}});
  return out.read();
}

// The masks are the CPU's, bit for bit. What is added to a kept element may round otherwise: the
// CPU fuses product and sum.
TYPED_TEST(DropoutCuda, TheMasksOfTheCpu) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message()
                 << c.count << " elements, p " << c.probability << ", run " << c.run);
    const auto cpu = run<T, test::HostArray>(test::kCpu, c);
    const double allowed = c.residual ? 8 * test::kUnitRoundoff<T> : 0.0;
    test::under_every_schedule([&] {
      for (const bool step_in_memory : {false, true})
        test::expect_close(run<T, test::DeviceArray>(test::on_cuda(), c, step_in_memory),
                           test::to_double(cpu), allowed, "out");
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels
