#include "kernels/gelu.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

using test::as;

template <typename T>
class GeluCuda : public testing::Test {};
TYPED_TEST_SUITE(GeluCuda, test::DeviceTypes);

template <typename U, template <typename> class Memory, typename T>
std::pair<std::vector<U>, std::vector<U>> run(const Context& context, GeluForm form,
                                              std::int64_t count, Write write) {
  // From where the function is 0 to where it is x.
  const Memory<U> x(as<U>(test::random_vector<T>(count, 1, -12, 12))),
      grad_out(as<U>(test::random_vector<T>(count, 2)));
  const Memory<U> out(test::poisoned<U>(count)), grad_x(as<U>(test::before<T>(write, count)));
  gelu_forward(
      context,
      {.dtype = dtype_of<U>, .form = form, .out = out.data(), .x = x.data(), .count = count});
  gelu_backward(context, {.dtype = dtype_of<U>,
                          .form = form,
                          .grad_x = grad_x.data(),
                          .write = write,
                          .grad_out = grad_out.data(),
                          .x = x.data(),
                          .count = count});
  return {out.read(), grad_x.read()};
}

TYPED_TEST(GeluCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  for (const GeluForm form : {GeluForm::tanh, GeluForm::erf}) {
    for (const std::int64_t count : {0, 1, 7, 1031}) {
      for (const Write write : test::kWrites) {
        SCOPED_TRACE(testing::Message() << count << (form == GeluForm::tanh ? " tanh" : " erf"));
        const auto exact = run<double, test::HostArray, T>(test::kCpu, form, count, write);
        const auto cpu = run<T, test::HostArray, T>(test::kCpu, form, count, write);
        test::under_every_schedule([&] {
          const auto device = run<T, test::DeviceArray, T>(test::on_cuda(), form, count, write);
          test::expect_as_good(device.first, cpu.first, exact.first, "out");
          test::expect_as_good(device.second, cpu.second, exact.second, "grad_x");
        });
      }
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
