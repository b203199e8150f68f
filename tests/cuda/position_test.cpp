// Position embeddings on the device against float64 on the CPU, measured by what the CPU's float32
// or bf16 reaches.
#include "kernels/position.h"

#include "tests/cuda/device_array.h"
#include "tests/support/position_cases.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class PositionCuda : public testing::Test {};
TYPED_TEST_SUITE(PositionCuda, test::DeviceTypes);

template <typename T>
struct Problem {
  PositionLayout layout;
  PositionAct act;
  Write write = Write::overwrite;
  bool grad_qkv = true, grad_pe = true;
  std::int64_t count = layout.batch * layout.tokens * 3 * layout.channels;
  std::int64_t pe_count = layout.blocks * layout.tokens * layout.width;
  std::vector<T> qkv = test::random_vector<T>(count, 1);
  std::vector<T> pe = test::random_vector<T>(pe_count, 2);
  std::vector<T> grad_out = test::random_vector<T>(count, 3);
};

template <typename U>
struct Results {
  std::vector<U> out, grad_qkv, grad_pe;
};

template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Problem<T>& problem) {
  const Memory<U> qkv(test::as<U>(problem.qkv)), pe(test::as<U>(problem.pe)),
      grad_out(test::as<U>(problem.grad_out)), out(test::poisoned<U>(problem.count)),
      grad_qkv(test::as<U>(test::before<T>(problem.write, problem.count, 5))),
      grad_pe(test::as<U>(test::before<T>(problem.write, problem.pe_count, 6)));
  position_forward(context, {.dtype = dtype_of<U>,
                             .act = problem.act,
                             .layout = problem.layout,
                             .out = out.data(),
                             .qkv = qkv.data(),
                             .pe = pe.data()});
  position_backward(context, {.dtype = dtype_of<U>,
                              .act = problem.act,
                              .layout = problem.layout,
                              .grad_qkv = problem.grad_qkv ? grad_qkv.data() : nullptr,
                              .grad_pe = problem.grad_pe ? grad_pe.data() : nullptr,
                              .write_qkv = problem.write,
                              .write_pe = problem.write,
                              .grad_out = grad_out.data(),
                              .qkv = qkv.data(),
                              .pe = pe.data()});
  return {out.read(), grad_qkv.read(), grad_pe.read()};
}

TYPED_TEST(PositionCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  for (const PositionLayout& layout : test::kPositionLayouts) {
    for (const PositionAct act : test::kPositionActs) {
      if (!test::can_act(act, layout)) continue;
      for (const Write write : test::kWrites) {
        SCOPED_TRACE(testing::Message()
                     << "layout " << &layout - test::kPositionLayouts << " act "
                     << static_cast<int>(act) << " write " << static_cast<int>(write));
        const Problem<T> problem{.layout = layout, .act = act, .write = write};
        const auto exact = run<double, test::HostArray>(test::kCpu, problem);
        const auto cpu = run<T, test::HostArray>(test::kCpu, problem);
        test::under_every_schedule([&] {
          const auto device = run<T, test::DeviceArray>(test::on_cuda(), problem);
          test::expect_as_good(device.out, cpu.out, exact.out, "out");
          if (act != PositionAct::rotate) {
            EXPECT_TRUE(test::bits_of(device.out) == test::bits_of(cpu.out)) << "one operation";
          }
          test::expect_as_good(device.grad_qkv, cpu.grad_qkv, exact.grad_qkv, "grad_qkv");
          test::expect_as_good(device.grad_pe, cpu.grad_pe, exact.grad_pe, "grad_pe");
        });
      }
    }
  }
}

TYPED_TEST(PositionCuda, EitherGradientAlone) {
  using T = TypeParam;
  for (const PositionLayout& layout : test::kPositionLayouts) {
    Problem<T> problem{.layout = layout, .act = PositionAct::multiply, .write = Write::accumulate};
    const auto both = run<T, test::DeviceArray>(test::on_cuda(), problem);
    problem.grad_pe = false;
    const auto qkv_alone = run<T, test::DeviceArray>(test::on_cuda(), problem);
    problem.grad_pe = true;
    problem.grad_qkv = false;
    const auto pe_alone = run<T, test::DeviceArray>(test::on_cuda(), problem);
    EXPECT_TRUE(test::bits_of(both.grad_qkv) == test::bits_of(qkv_alone.grad_qkv));
    EXPECT_TRUE(test::bits_of(both.grad_pe) == test::bits_of(pe_alone.grad_pe));
  }
}

}  // namespace
}  // namespace seqpe::kernels
