// Products by the library of a GPU; the emulator leaves them to the CPU.
#include "kernels/matmul.h"

#include <array>

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class MatmulCuda : public testing::Test {};
TYPED_TEST_SUITE(MatmulCuda, test::DeviceTypes);

/// A product with bias and GELU where asked for; out and the value before the GELU.
template <typename U, template <typename> class Memory, typename T>
std::pair<std::vector<U>, std::vector<U>> run(const Context& context, MatmulArgs args) {
  using test::as;
  const Memory<U> a(as<U>(test::random_vector<T>(args.m * args.k, 1))),
      b(as<U>(test::random_vector<T>(args.k * args.n, 2))),
      bias(as<U>(test::random_vector<T>(args.n, 3))),
      out(as<U>(test::before<T>(args.write, args.m * args.n))),
      pre(std::vector<U>(static_cast<std::size_t>(args.m * args.n)));
  args.dtype = dtype_of<U>;
  args.a = a.data();
  args.b = b.data();
  args.out = out.data();
  args.lda = args.trans_a ? args.m : args.k;
  args.ldb = args.trans_b ? args.k : args.n;
  args.ldc = args.n;
  const bool gelu = args.epilogue != Epilogue::none && args.epilogue != Epilogue::bias;
  if (args.epilogue != Epilogue::none) args.bias = bias.data();
  if (gelu) args.pre_activation = pre.data();
  matmul(context, args);
  return {out.read(), pre.read()};
}

TYPED_TEST(MatmulCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  std::vector<MatmulArgs> cases;
  for (const auto& [m, n, k] :
       {std::array<std::int64_t, 3>{1, 1, 1}, {64, 128, 96}, {33, 17, 65}}) {
    for (const int transposed : {0, 1, 2, 3}) {
      for (const Write write : test::kWrites) {
        cases.push_back({.m = m,
                         .n = n,
                         .k = k,
                         .trans_a = (transposed & 1) != 0,
                         .trans_b = (transposed & 2) != 0,
                         .alpha = 0.75,
                         .write = write});
      }
    }
    for (const Epilogue epilogue :
         {Epilogue::bias, Epilogue::bias_gelu_tanh, Epilogue::bias_gelu_erf})
      cases.push_back({.m = m, .n = n, .k = k, .trans_b = true, .epilogue = epilogue});
  }
  cases.push_back({.m = 3, .n = 1029, .k = 5});  // rows that are split, their lengths no packs
  cases.push_back({.m = 3, .n = 5, .k = 1029, .trans_b = true, .write = Write::accumulate});
  for (const MatmulArgs& args : cases) {
    SCOPED_TRACE(testing::Message()
                 << args.m << " " << args.n << " " << args.k << " " << args.trans_a << args.trans_b
                 << " epilogue " << static_cast<int>(args.epilogue));
    const auto exact = run<double, test::HostArray, T>(test::kCpu, args);
    const auto cpu = run<T, test::HostArray, T>(test::kCpu, args);
    const auto device = run<T, test::DeviceArray, T>(test::on_cuda(), args);
    test::expect_as_good(device.first, cpu.first, exact.first, "out");
    test::expect_as_good(device.second, cpu.second, exact.second, "pre_activation");
  }
}

}  // namespace
}  // namespace seqpe::kernels
