// Every form of layer norm that docs/cuda.md walks through is as good as the CPU's in bf16.
#include "tests/cuda/lessons/layer_norm_steps.h"

#include "tests/cuda/device_array.h"

namespace seqpe::lessons {
namespace {

constexpr std::int64_t kRows = 37, kCols = 520;  // off the blocks and the warps

struct Results {
  std::vector<double> out, mean, rstd;
};

/// `run` takes the arguments of layer_norm_forward.
template <typename U, template <typename> class Memory, typename Run>
Results run_on(const Run& run) {
  const auto random = [](std::int64_t count, std::uint64_t seed, double low, double high) {
    return Memory<U>(test::as<U>(test::random_vector<bf16>(count, seed, low, high)));
  };
  const auto x = random(kRows * kCols, 1, -2, 3), weight = random(kCols, 2, 0.5, 1.5),
             bias = random(kCols, 3, -1, 1);
  const Memory<U> out(test::poisoned<U>(kRows * kCols));
  const Memory<Acc<U>> mean(test::poisoned<Acc<U>>(kRows)), rstd(test::poisoned<Acc<U>>(kRows));
  run({.dtype = dtype_of<U>,
       .out = out.data(),
       .mean = mean.data(),
       .rstd = rstd.data(),
       .x = x.data(),
       .weight = weight.data(),
       .bias = bias.data(),
       .rows = kRows,
       .cols = kCols});
  return {test::to_double(out.read()), test::to_double(mean.read()), test::to_double(rstd.read())};
}

void on_cpu(const kernels::LayerNormForwardArgs& args) {
  kernels::layer_norm_forward(test::kCpu, args);
}

TEST(LayerNormSteps, EachIsAsGoodAsTheCpu) {
  const Results exact = run_on<double, test::HostArray>(on_cpu),
                cpu = run_on<bf16, test::HostArray>(on_cpu);
  for (const LayerNormStep& step : layer_norm_steps()) {
    SCOPED_TRACE(step.name);
    test::under_every_schedule([&] {
      const Results device = run_on<bf16, test::DeviceArray>(step.run);
      test::expect_as_good(device.out, cpu.out, exact.out, "out");
      test::expect_as_good(device.mean, cpu.mean, exact.mean, "mean");
      test::expect_as_good(device.rstd, cpu.rstd, exact.rstd, "rstd");
    });
  }
}

}  // namespace
}  // namespace seqpe::lessons
