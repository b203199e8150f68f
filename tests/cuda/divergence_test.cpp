#include "kernels/divergence.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

using test::as;

template <typename T>
class DivergenceCuda : public testing::Test {};
TYPED_TEST_SUITE(DivergenceCuda, test::DeviceTypes);

template <typename U>
struct Results {
  std::vector<double> mean;
  std::vector<U> grad_target, grad_student;
};

template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, DivergenceKind kind, std::int64_t count, Write write) {
  const Memory<U> target(as<U>(test::random_vector<T>(count, 1, -4, 0))),
      student(as<U>(test::random_vector<T>(count, 2, -4, 0)));
  const Memory<double> mean({std::nan("")}), grad_out({3.0});
  const Memory<U> grad_target(as<U>(test::before<T>(write, count))),
      grad_student(as<U>(test::before<T>(write, count, 98)));
  divergence_forward(context, {.dtype = dtype_of<U>,
                               .kind = kind,
                               .out = mean.data(),
                               .target = target.data(),
                               .student = student.data(),
                               .count = count});
  divergence_backward(context, {.dtype = dtype_of<U>,
                                .kind = kind,
                                .grad_target = grad_target.data(),
                                .grad_student = grad_student.data(),
                                .write_target = write,
                                .write_student = write,
                                .target = target.data(),
                                .student = student.data(),
                                .count = count,
                                .grad_out = grad_out.data()});
  return {mean.read(), grad_target.read(), grad_student.read()};
}

TYPED_TEST(DivergenceCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  for (const DivergenceKind kind : {DivergenceKind::kl_div, DivergenceKind::mse}) {
    for (const std::int64_t count : {0, 1, 9, 9001}) {
      for (const Write write : test::kWrites) {
        SCOPED_TRACE(testing::Message()
                     << count << (kind == DivergenceKind::mse ? " mse" : " kl_div"));
        const auto exact = run<double, test::HostArray, T>(test::kCpu, kind, count, write);
        const auto cpu = run<T, test::HostArray, T>(test::kCpu, kind, count, write);
        test::under_every_schedule([&] {
          const auto device = run<T, test::DeviceArray, T>(test::on_cuda(), kind, count, write);
          // Terms are float32, their sum is float64.
          EXPECT_NEAR(device.mean[0], exact.mean[0], 1e-6);
          test::expect_as_good(device.grad_target, cpu.grad_target, exact.grad_target,
                               "grad_target");
          test::expect_as_good(device.grad_student, cpu.grad_student, exact.grad_student,
                               "grad_student");
        });
      }
    }
  }
}

TYPED_TEST(DivergenceCuda, OneGradientAlone) {
  using T = TypeParam;
  const test::DeviceArray<T> target(test::random_vector<T>(40, 1, -4, 0)),
      student(test::random_vector<T>(40, 2, -4, 0));
  const test::DeviceArray<double> grad_out({1.0});
  const auto gradient = [&](bool alone) {
    const test::DeviceArray<T> grad_student(test::poisoned<T>(40)),
        grad_target(test::poisoned<T>(40));
    divergence_backward(test::on_cuda(), {.dtype = dtype_of<T>,
                                          .grad_target = alone ? nullptr : grad_target.data(),
                                          .grad_student = grad_student.data(),
                                          .target = target.data(),
                                          .student = student.data(),
                                          .count = 40,
                                          .grad_out = grad_out.data()});
    return grad_student.read();
  };
  EXPECT_TRUE(test::bits_of(gradient(true)) == test::bits_of(gradient(false)));
}

}  // namespace
}  // namespace seqpe::kernels
