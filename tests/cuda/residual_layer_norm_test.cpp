// residual_layer_norm on the device against float64 on the CPU, measured by what the CPU's float32
// or bf16 reaches. One element dropped otherwise than on the CPU is an error of the size of the
// values.
#include "kernels/residual_layer_norm.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class ResidualLayerNormCuda : public testing::Test {};
TYPED_TEST_SUITE(ResidualLayerNormCuda, test::DeviceTypes);

struct Case {
  std::int64_t rows, cols;
  double probability = 0.0;
  std::uint64_t first_element = 0;
  std::int64_t run = 0, run_stride = 0;
};

// Rows in registers and longer ones, that packs divide or not; masks of whole Philox blocks, masks
// that begin within one, runs that end within a pack, numbers beyond 32 bits.
const Case kCases[] = {
    {.rows = 0, .cols = 8, .probability = 0.1},
    {.rows = 1, .cols = 1},
    {.rows = 5, .cols = 8, .probability = 0.5},
    {.rows = 3, .cols = 33, .probability = 0.1, .first_element = 7},
    {.rows = 37, .cols = 132, .probability = 0.2, .first_element = 132},
    {.rows = 6, .cols = 64, .probability = 0.3, .first_element = 2},
    {.rows = 6, .cols = 64, .probability = 0.3, .first_element = 8, .run = 128, .run_stride = 512},
    {.rows = 6, .cols = 64, .probability = 0.3, .run = 20, .run_stride = 50},
    {.rows = 2, .cols = 768, .first_element = 4},
    {.rows = 2, .cols = 1536, .probability = 0.9, .first_element = std::uint64_t{1} << 35},
    {.rows = 2, .cols = 2048, .probability = 0.1, .run = 1 << 10, .run_stride = 1LL << 34},
    {.rows = 1, .cols = 4096, .probability = 0.1},
    {.rows = 1, .cols = 6144},
};

/// Which of the backward's pointers are null.
struct Wanted {
  bool residual = true, branch = true, weight = true, bias = true, grad_sum = true;
};
const Wanted kWanted[] = {{},
                          {.branch = false, .bias = false},
                          {.residual = false, .weight = false, .grad_sum = false},
                          {.residual = false, .branch = false}};

/// Inputs, rounded to T.
template <typename T>
struct Problem {
  Case c;
  Wanted wanted;
  Write write;
  std::vector<T> residual = test::random_vector<T>(c.rows * c.cols, 1, -2, 3);
  std::vector<T> branch = test::random_vector<T>(c.rows * c.cols, 2);
  std::vector<T> weight = test::random_vector<T>(c.cols, 3, 0.5, 1.5);
  std::vector<T> bias = test::random_vector<T>(c.cols, 4);
  std::vector<T> grad_sum = test::random_vector<T>(c.rows * c.cols, 5);
  std::vector<T> grad_out = test::random_vector<T>(c.rows * c.cols, 6);
  DropoutDraw dropout = {.probability = c.probability,
                         .key = {.seed = 3, .stream = 4, .step = 5},
                         .first_element = c.first_element,
                         .run = c.run,
                         .run_stride = c.run_stride};
};

template <typename U>
struct Results {
  std::vector<U> sum, out, grad_residual, grad_branch, grad_weight, grad_bias;
};

template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Problem<T>& problem) {
  const std::int64_t rows = problem.c.rows, cols = problem.c.cols;
  const Wanted& wanted = problem.wanted;
  const Memory<U> residual(test::as<U>(problem.residual)), branch(test::as<U>(problem.branch)),
      weight(test::as<U>(problem.weight)), bias(test::as<U>(problem.bias)),
      grad_sum(test::as<U>(problem.grad_sum)), grad_out(test::as<U>(problem.grad_out)),
      sum(test::poisoned<U>(rows * cols)), out(test::poisoned<U>(rows * cols));
  const Memory<Acc<U>> mean(test::poisoned<Acc<U>>(rows)), rstd(test::poisoned<Acc<U>>(rows));
  // Where a gradient is not wanted, both devices return these numbers.
  const auto before = [&](bool wants, std::int64_t count, std::uint64_t seed) {
    const Write write = wants ? problem.write : Write::accumulate;
    return test::as<U>(test::before<T>(write, count, seed));
  };
  const Memory<U> grad_residual(before(wanted.residual, rows * cols, 10)),
      grad_branch(before(wanted.branch, rows * cols, 11)),
      grad_weight(before(wanted.weight, cols, 12)), grad_bias(before(wanted.bias, cols, 13));
  residual_layer_norm_forward(context, {.dtype = dtype_of<U>,
                                        .sum = sum.data(),
                                        .out = out.data(),
                                        .mean = mean.data(),
                                        .rstd = rstd.data(),
                                        .residual = residual.data(),
                                        .branch = branch.data(),
                                        .weight = weight.data(),
                                        .bias = bias.data(),
                                        .rows = rows,
                                        .cols = cols,
                                        .dropout = problem.dropout});
  residual_layer_norm_backward(context,
                               {.dtype = dtype_of<U>,
                                .grad_residual = wanted.residual ? grad_residual.data() : nullptr,
                                .grad_branch = wanted.branch ? grad_branch.data() : nullptr,
                                .grad_weight = wanted.weight ? grad_weight.data() : nullptr,
                                .grad_bias = wanted.bias ? grad_bias.data() : nullptr,
                                .write_residual = problem.write,
                                .write_branch = problem.write,
                                .write_weight = problem.write,
                                .write_bias = problem.write,
                                .grad_sum = wanted.grad_sum ? grad_sum.data() : nullptr,
                                .grad_out = grad_out.data(),
                                .sum = sum.data(),
                                .weight = weight.data(),
                                .mean = mean.data(),
                                .rstd = rstd.data(),
                                .rows = rows,
                                .cols = cols,
                                .dropout = problem.dropout});
  return {sum.read(),         out.read(),         grad_residual.read(),
          grad_branch.read(), grad_weight.read(), grad_bias.read()};
}

template <typename T>
void expect_as_good(const Problem<T>& problem) {
  SCOPED_TRACE(testing::Message() << problem.c.rows << " x " << problem.c.cols << ", probability "
                                  << problem.c.probability);
  const auto exact = run<double, test::HostArray>(test::kCpu, problem);
  const auto cpu = run<T, test::HostArray>(test::kCpu, problem);
  test::under_every_schedule([&] {
    const auto device = run<T, test::DeviceArray>(test::on_cuda(), problem);
    test::expect_as_good(device.sum, cpu.sum, exact.sum, "sum");
    test::expect_as_good(device.out, cpu.out, exact.out, "out");
    test::expect_as_good(device.grad_residual, cpu.grad_residual, exact.grad_residual, "residual");
    test::expect_as_good(device.grad_branch, cpu.grad_branch, exact.grad_branch, "grad_branch");
    test::expect_as_good(device.grad_weight, cpu.grad_weight, exact.grad_weight, "grad_weight");
    test::expect_as_good(device.grad_bias, cpu.grad_bias, exact.grad_bias, "grad_bias");
    for (std::size_t i = 0; i < cpu.grad_branch.size(); ++i) {
      ASSERT_EQ(test::to_double(device.grad_branch[i]) == 0.0,
                test::to_double(cpu.grad_branch[i]) == 0.0)
          << "the mask of element " << i;
    }
  });
}

TYPED_TEST(ResidualLayerNormCuda, AsGoodAsTheCpu) {
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites)
      expect_as_good(Problem<TypeParam>{.c = c, .wanted = {}, .write = write});
  }
}

TYPED_TEST(ResidualLayerNormCuda, EveryGradientMayBeLeftOut) {
  for (const Wanted& wanted : kWanted) {
    for (const Case& c : {kCases[3], kCases[4]})
      expect_as_good(Problem<TypeParam>{.c = c, .wanted = wanted, .write = Write::overwrite});
  }
}

}  // namespace
}  // namespace seqpe::kernels
