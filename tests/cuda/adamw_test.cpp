#include "kernels/adamw.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

using test::as;

std::vector<double> rates_of(double learning_rate, double beta2, std::int64_t step) {
  const AdamwRates rates = adamw_rates(learning_rate, 0.9, beta2, step);
  return {rates.begin(), rates.end()};
}

template <typename U, template <typename> class Memory>
std::array<std::vector<U>, 3> run(const Context& context, std::int64_t count, std::int64_t offset) {
  const std::int64_t size = count + offset;
  const auto given = [&](std::uint64_t seed, double low) {
    return as<U>(test::random_vector<float>(size, seed, low));
  };
  const Memory<U> value(given(1, -1)), gradient(given(2, -1)), m(given(3, -0.1)), v(given(4, 0));
  const Memory<double> scale({0.5});
  for (const std::int64_t step : {1, 2, 1000}) {
    const Memory<double> rates(rates_of(1e-2, 0.99, step));
    adamw(context, {.dtype = dtype_of<U>,
                    .value = value.data() + offset,
                    .gradient = gradient.data() + offset,
                    .m = m.data() + offset,
                    .v = v.data() + offset,
                    .count = count,
                    .rates = rates.data(),
                    .beta1 = 0.9,
                    .beta2 = 0.99,
                    .eps = 1e-8,
                    .weight_decay = 0.1,
                    .grad_scale = scale.data()});
  }
  return {value.read(), m.read(), v.read()};
}

TEST(AdamwCuda, AsGoodAsTheCpu) {
  // An odd offset forbids packs: the buffer's part without weight decay begins where the other one
  // ends.
  for (const auto& sizes :
       {std::pair<std::int64_t, std::int64_t>{0, 0}, {1, 0}, {1030, 0}, {1030, 4}, {77, 3}}) {
    const std::int64_t count = sizes.first, offset = sizes.second;
    SCOPED_TRACE(testing::Message() << count << " elements from " << offset);
    const auto exact = run<double, test::HostArray>(test::kCpu, count, offset);
    const auto cpu = run<float, test::HostArray>(test::kCpu, count, offset);
    test::under_every_schedule([&] {
      const auto device = run<float, test::DeviceArray>(test::on_cuda(), count, offset);
      for (std::size_t i = 0; i < 3; ++i)
        test::expect_as_good(device[i], cpu[i], exact[i], std::array{"value", "m", "v"}[i]);
    });
  }
}

TEST(AdamwCuda, TheRoundedCopyIsTheNewValueInBf16) {
  for (const std::int64_t offset : {0, 3}) {
    constexpr std::int64_t kCount = 77;
    test::under_every_schedule([&] {
      const auto given = [&](std::uint64_t seed) {
        return test::random_vector<float>(kCount + offset, seed, 0.0);
      };
      const test::DeviceArray<float> value(given(1)), gradient(given(2)), m(given(3)), v(given(4));
      const test::DeviceArray<bf16> rounded(test::poisoned<bf16>(kCount + offset));
      const test::DeviceArray<double> rates(rates_of(0.1, 0.999, 1));
      adamw(test::on_cuda(), {.value = value.data() + offset,
                              .gradient = gradient.data() + offset,
                              .m = m.data() + offset,
                              .v = v.data() + offset,
                              .rounded = rounded.data() + offset,
                              .count = kCount,
                              .rates = rates.data()});
      const auto values = value.read();
      const auto copies = rounded.read();
      for (auto i = static_cast<std::size_t>(offset); i < values.size(); ++i)
        EXPECT_EQ(copies[i].bits, bf16(values[i]).bits) << i;
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels
