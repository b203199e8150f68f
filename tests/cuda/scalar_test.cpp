#include "kernels/scalar.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

TEST(ScalarCuda, WeightedSumIsTheCpus) {
  const std::vector<double> terms{0.3, -7.25, 1e-9};
  for (const Write write : test::kWrites) {
    const auto run = [&](const Context& context, double* out, const double* in) {
      weighted_sum(context, {.out = out,
                             .write = write,
                             .count = 3,
                             .terms = {in, in + 1, in + 2},
                             .weights = {0.1, 3.0, -2.0},
                             .factors = {nullptr, in}});
    };
    double expected = 1.5;
    run(test::kCpu, &expected, terms.data());
    test::under_every_schedule([&] {
      const test::DeviceArray<double> out({1.5}), in(terms);
      run(test::on_cuda(), out.data(), in.data());
      EXPECT_EQ(out.read()[0], expected);
    });
  }
}

TEST(ScalarCuda, ClipFactorsAreTheCpus) {
  for (const double loss : {2.5, std::nan("")}) {
    const auto run = [&](const Context& context, const double* given, const double* squares,
                         double* norms, double* factors) {
      clip_factors(context, {.groups = 2,
                             .loss = given,
                             .squares = squares,
                             .norms = norms,
                             .factors = factors,
                             .limits = {0.7, 0.0}});
    };
    const std::vector<double> squares{2.0, 3e5}, ones{1.0, 1.0};
    std::vector<double> norms = ones, factors = ones;
    run(test::kCpu, &loss, squares.data(), norms.data(), factors.data());
    test::under_every_schedule([&] {
      const test::DeviceArray<double> given({loss}), in(squares), out(ones), decided(ones);
      run(test::on_cuda(), given.data(), in.data(), out.data(), decided.data());
      EXPECT_EQ(out.read(), norms);
      EXPECT_TRUE(test::bits_of(decided.read()) == test::bits_of(factors) || std::isnan(loss));
      EXPECT_EQ(std::isnan(decided.read()[1]), std::isnan(loss));
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels
