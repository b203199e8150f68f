// Cross-entropy and its gradient on the device against float64 on the CPU, measured by what the
// CPU's float32 or bf16 reaches.
#include "kernels/cross_entropy.h"

#include "tests/cuda/device_array.h"
#include "tests/support/class_labels.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class CrossEntropyCuda : public testing::Test {};
using DeviceTypes = testing::Types<float, bf16>;
TYPED_TEST_SUITE(CrossEntropyCuda, DeviceTypes);

struct Case {
  std::int64_t rows = 9, cols = 7, gap = 0;
  double smoothing = 0.0, grad_scale = 1.0;
  double low = -3.0, high = 3.0;  // of the logits
};

// Rows that begin and end at whole packs or within one, rows shorter than a pack; one warp to 16;
// more packs than threads.
const Case kCases[] = {{.rows = 0},
                       {.rows = 1, .cols = 1},
                       {.rows = 5, .cols = 2, .smoothing = 0.1},
                       {.rows = 13, .cols = 33, .gap = 7, .grad_scale = 0.25},
                       {.rows = 13, .cols = 33, .gap = 5, .grad_scale = 0.25},
                       {.cols = 64, .smoothing = 0.2, .grad_scale = -3.0},
                       {.rows = 4, .cols = 1003, .gap = 1, .smoothing = 0.1},
                       {.rows = 4, .cols = 5003, .gap = 5, .smoothing = 0.1},
                       {.rows = 3, .cols = 4096},
                       {.cols = 20, .low = -200.0, .high = 200.0},
                       {.cols = 20, .smoothing = 0.1, .low = 1000.0, .high = 1001.0}};

/// displaced: elsewhere, at other places within a pack than the logits.
enum class Gradient { none, elsewhere, displaced, in_place };

template <typename T>
struct Problem {
  Case c;
  std::int64_t stride = c.cols + c.gap;
  std::vector<T> logits = test::random_vector<T>(c.rows * stride, 1, c.low, c.high);
  std::vector<std::int64_t> labels = test::labels_of_every_kind(c.rows, c.cols);

  bool in_gap(std::size_t i) const { return static_cast<std::int64_t>(i) % stride >= c.cols; }
};

template <typename U>
struct Results {
  std::vector<Acc<U>> losses;
  std::vector<U> grad;  // where it was not written: as before
};

template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Problem<T>& problem, Gradient gradient) {
  const Memory<U> logits(test::as<U>(problem.logits)),
      elsewhere(std::vector<U>(problem.logits.size() + 1, test::from_double<U>(7.0)));
  const Memory<std::int64_t> labels(problem.labels);
  const Memory<Acc<U>> losses(test::poisoned<Acc<U>>(problem.c.rows));
  const std::ptrdiff_t first = gradient == Gradient::displaced ? 1 : 0;
  U* const grad = gradient == Gradient::in_place ? logits.data() : elsewhere.data() + first;
  cross_entropy(context, {.dtype = dtype_of<U>,
                          .losses = losses.data(),
                          .logits = logits.data(),
                          .labels = labels.data(),
                          .rows = problem.c.rows,
                          .cols = problem.c.cols,
                          .stride = problem.stride,
                          .label_smoothing = problem.c.smoothing,
                          .grad_logits = gradient == Gradient::none ? nullptr : grad,
                          .grad_scale = problem.c.grad_scale});
  if (gradient == Gradient::in_place) return {losses.read(), logits.read()};
  std::vector<U> written = elsewhere.read();
  written.erase(first == 0 ? written.end() - 1 : written.begin());
  return {losses.read(), written};
}

TYPED_TEST(CrossEntropyCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols << " + " << c.gap);
    const Problem<T> problem{c};
    const auto exact = run<double, test::HostArray>(test::kCpu, problem, Gradient::elsewhere);
    const auto cpu = run<T, test::HostArray>(test::kCpu, problem, Gradient::elsewhere);
    test::under_every_schedule([&] {
      const auto alone = run<T, test::DeviceArray>(test::on_cuda(), problem, Gradient::none);
      const auto device = run<T, test::DeviceArray>(test::on_cuda(), problem, Gradient::elsewhere);
      const auto in_place = run<T, test::DeviceArray>(test::on_cuda(), problem, Gradient::in_place);
      const auto displaced =
          run<T, test::DeviceArray>(test::on_cuda(), problem, Gradient::displaced);
      test::expect_as_good(device.losses, cpu.losses, exact.losses, "losses");
      test::expect_as_good(displaced.grad, cpu.grad, exact.grad, "grad_logits displaced");
      test::expect_as_good(device.grad, cpu.grad, exact.grad, "grad_logits");
      EXPECT_TRUE(test::bits_of(alone.losses) == test::bits_of(device.losses));
      EXPECT_TRUE(test::bits_of(in_place.losses) == test::bits_of(device.losses));
      for (std::size_t i = 0; i < device.grad.size(); ++i) {
        const T expected = problem.in_gap(i) ? problem.logits[i] : device.grad[i];
        ASSERT_EQ(test::to_double(in_place.grad[i]), test::to_double(expected)) << i;
      }
    });
  }
}

TYPED_TEST(CrossEntropyCuda, MaskedLogitsAndNaNsAreThoseOfTheCpu) {
  using T = TypeParam;
  Problem<T> problem{{.rows = 3, .cols = 1003, .gap = 5}};
  problem.labels = {1, 2, 3};
  for (std::size_t i = 0; i < 1003; i += 2)
    problem.logits[i] = test::from_double<T>(-std::numeric_limits<double>::infinity());
  problem.logits[1008 + 500] = test::from_double<T>(std::nan(""));
  const auto cpu = run<T, test::HostArray>(test::kCpu, problem, Gradient::elsewhere);
  test::under_every_schedule([&] {
    const auto device = run<T, test::DeviceArray>(test::on_cuda(), problem, Gradient::elsewhere);
    test::expect_close(device.losses, test::to_double(cpu.losses), test::tolerance<float>(1003, 8),
                       "losses");
    test::expect_close(device.grad, test::to_double(cpu.grad), test::tolerance<T>(1003), "grad");
    EXPECT_TRUE(std::isnan(device.losses[1]));
    EXPECT_EQ(test::to_double(device.grad[0]), 0.0);
  });
}

}  // namespace
}  // namespace seqpe::kernels
