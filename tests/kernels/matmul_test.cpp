#include "kernels/matmul.h"

#include <sys/time.h>

#include <array>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/gemm_packed.h"
#include "tests/support/expect_error.h"
#include "tests/support/matmul_product.h"

namespace seqpe::kernels {
namespace {

using test::MatmulPath;
using test::MatmulProduct;

void library(const MatmulArgs& args) {
  matmul(test::kCpu, args);
}

/// The GEMM library's twin and our own loops.
constexpr MatmulPath kPaths[] = {{"matmul", library}, {"gemm_packed", cpu::gemm_packed}};

template <typename T>
class MatmulKernel : public testing::Test {};
TYPED_TEST_SUITE(MatmulKernel, test::Floating);

// Nothing, one element, and sizes around the blocks of our loops (tasks of 96 rows and 384
// columns).
constexpr std::int64_t kSizes[][3] = {{0, 3, 2},     {3, 0, 2},     {3, 2, 0},     {1, 1, 1},
                                      {1, 17, 5},    {7, 1, 3},     {5, 3, 1},     {33, 17, 65},
                                      {2, 259, 9},   {66, 35, 130}, {130, 270, 3}, {7, 300, 401},
                                      {65, 300, 65}, {97, 385, 9}};

TYPED_TEST(MatmulKernel, AllTransposesSizesAndStrides) {
  for (const auto& [m, n, k] : kSizes) {
    for (const int transposed : {0, 1, 2, 3}) {
      for (const Write write : test::kWrites) {
        for (const std::int64_t gap : {0, 3}) {
          MatmulProduct<TypeParam> product({.m = m,
                                            .n = n,
                                            .k = k,
                                            .trans_a = (transposed & 1) != 0,
                                            .trans_b = (transposed & 2) != 0,
                                            .alpha = gap == 0 ? 1.0 : -0.75,
                                            .write = write},
                                           {.gap = gap});
          for (const MatmulPath& path : kPaths) product.expect_as_defined(path);
        }
      }
    }
  }
}

// The gradient of a bf16 weight adds up in float32.
TEST(MatmulKernelBlocks, WideOutputOfNarrowOperands) {
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{5, 7, 0}, {5, 7, 6}, {66, 70, 130}}) {
    for (const int transposed : {0, 1, 2, 3}) {
      for (const Write write : test::kWrites) {
        MatmulProduct<bf16, float> product({.m = m,
                                            .n = n,
                                            .k = k,
                                            .trans_a = (transposed & 1) != 0,
                                            .trans_b = (transposed & 2) != 0,
                                            .batch = 2,
                                            .write = write},
                                           {.gap = 3});
        for (const MatmulPath& path : kPaths) product.expect_as_defined(path);
      }
    }
  }
}

TYPED_TEST(MatmulKernel, Batches) {
  // The first is small enough for our loops, the second goes to the library.
  for (const auto& [m, n, k] :
       {std::array<std::int64_t, 3>{5, 7, 6}, {65, 64, 65}, {33, 200, 65}}) {
    for (const auto& [share_a, share_b] : {std::pair{false, false}, {true, false}, {false, true}}) {
      for (const Write write : test::kWrites) {
        MatmulProduct<TypeParam> product(
            {.m = m, .n = n, .k = k, .trans_b = share_a, .batch = 3, .write = write},
            {.share_a = share_a, .share_b = share_b, .gap = share_b ? 2 : 0});
        for (const MatmulPath& path : kPaths) product.expect_as_defined(path);
      }
    }
  }
}

TYPED_TEST(MatmulKernel, Epilogues) {
  for (const Epilogue epilogue :
       {Epilogue::bias, Epilogue::bias_gelu_tanh, Epilogue::bias_gelu_erf}) {
    for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{0, 3, 2},
                                  {3, 5, 0},
                                  {131, 19, 7},
                                  {131, 390, 387},
                                  {129, 700, 1601},
                                  {129, 3075, 9}}) {
      for (const bool trans_b : {false, true}) {
        for (const bool pre_activation : {false, true}) {
          MatmulProduct<TypeParam> product(
              {.m = m,
               .n = n,
               .k = k,
               .trans_b = trans_b,
               .batch = 2,
               .alpha = 1.5,
               .epilogue = epilogue},
              {.share_b = trans_b, .gap = 1, .pre_activation = pre_activation});
          for (const MatmulPath& path : kPaths) product.expect_as_defined(path);
        }
      }
    }
  }
}

// It follows the last pass over k alone, in every block of columns.
TYPED_TEST(MatmulKernel, EpilogueOfSeveralBlocks) {
  for (const auto& [n, k] : {std::pair{700, 1601}, {3075, 9}}) {
    MatmulProduct<TypeParam> product(
        {.m = 129, .n = n, .k = k, .epilogue = Epilogue::bias_gelu_erf}, {.pre_activation = true});
    for (const MatmulPath& path : kPaths) product.expect_as_defined(path);
  }
}

// Several passes over k, and several blocks of rows and of columns: 384, 4096 and 3072 at a time;
// and more of b than is packed at once, 2^20 elements.
TYPED_TEST(MatmulKernel, SeveralBlocksOfEverySide) {
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{7, 20, 401},
                                {50, 130, 801},
                                {3, 3075, 5},
                                {4099, 2, 3},
                                {2, 700, 1601}}) {
    for (const int transposed : {0, 1, 2, 3}) {
      for (const Write write : test::kWrites) {
        for (const MatmulPath& path : kPaths) {
          SCOPED_TRACE(fmt::format("{} {} {} {}, trans {}", path.name, m, n, k, transposed));
          MatmulProduct<TypeParam> product({.m = m,
                                            .n = n,
                                            .k = k,
                                            .trans_a = (transposed & 1) != 0,
                                            .trans_b = (transposed & 2) != 0,
                                            .write = write},
                                           {.gap = 1});
          product.expect_as_defined(path);
        }
      }
    }
  }
}

// The epilogue takes 8 rows at a time, whichever items of the batch they are of.
TEST(MatmulKernelBlocks, EpilogueOfRowsOfSeveralItems) {
  for (const std::int64_t m : {1, 7, 8, 9}) {
    MatmulProduct<double> product(
        {.m = m, .n = 5, .k = 2, .batch = 20, .epilogue = Epilogue::bias_gelu_tanh},
        {.gap = 3, .item_gap = 7, .pre_activation = true});
    product.expect_as_defined(kPaths[0]);
  }
}

// Among them sums that libraries like to share among threads: vectors, and small outputs of long
// sums.
TYPED_TEST(MatmulKernel, SameBitsForAnyThreads) {
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{130, 67, 200},
                                {96, 64, 1500},
                                {130, 100, 1024},
                                {256, 64, 100},
                                {140, 800, 500},  // pieces of rows that several tasks take
                                {1, 500, 768},
                                {500, 1, 768}}) {
    for (const int transposed : {0, 1, 2, 3}) {
      MatmulProduct<TypeParam> product({.m = m,
                                        .n = n,
                                        .k = k,
                                        .trans_a = (transposed & 1) != 0,
                                        .trans_b = (transposed & 2) != 0},
                                       {});
      for (const MatmulPath& path : kPaths) {
        SCOPED_TRACE(fmt::format("{} {}: {} {} {}, trans {}", path.name,
                                 name_of(dtype_of<TypeParam>), m, n, k, transposed));
        test::expect_same_bits_for_any_threads([&] { return product.run(path); });
      }
    }
  }
}

// A library's code may use the stack register for something else while it multiplies.
TEST(MatmulKernelCalls, SignalHandlersMayRunMeanwhile) {
  static volatile std::sig_atomic_t handled = 0;
  struct sigaction action {
  }, before;
  action.sa_handler = [](int) { handled = handled + 1; };
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  constexpr itimerval kTwiceAMillisecond = {{0, 500}, {0, 500}}, kNever = {};
  constexpr std::int64_t kSize = 128;  // more rows would not be the library's
  const std::vector<float> ones(kSize * kSize, 1.0f);
  std::vector<float> out(kSize * kSize);
  ASSERT_EQ(::setitimer(ITIMER_REAL, &kTwiceAMillisecond, nullptr), 0);
  while (handled < 50) {
    matmul({}, {.out = out.data(),
                .a = ones.data(),
                .b = ones.data(),
                .m = kSize,
                .n = kSize,
                .k = kSize,
                .lda = kSize,
                .ldb = kSize,
                .ldc = kSize});
  }
  ::setitimer(ITIMER_REAL, &kNever, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  EXPECT_EQ(out, std::vector<float>(kSize * kSize, float{kSize}));
}

TEST(MatmulKernelCalls, AnEpilogueNeedsABiasAndAnOverwrittenOutput) {
  std::vector<float> numbers(4);
  const MatmulArgs good = {.out = numbers.data(),
                           .a = numbers.data(),
                           .b = numbers.data(),
                           .m = 1,
                           .n = 1,
                           .k = 1,
                           .lda = 1,
                           .ldb = 1,
                           .ldc = 1,
                           .bias = numbers.data(),
                           .epilogue = Epilogue::bias};
  EXPECT_NO_THROW(matmul(test::kCpu, good));
  MatmulArgs no_bias = good, adds = good, wide = good, transposed = good;
  no_bias.bias = nullptr;
  adds.write = Write::accumulate;
  wide.wide_out = true;
  transposed.trans_a = true;
  const std::pair<MatmulArgs, const char*> cases[] = {
      {no_bias, "bias false, accumulate false, wide_out false, trans_a false."},
      {adds, "bias true, accumulate true, wide_out false, trans_a false."},
      {wide, "bias true, accumulate false, wide_out true, trans_a false."},
      {transposed, "bias true, accumulate false, wide_out false, trans_a true."}};
  for (const auto& [bad, got] : cases) {
    test::expect_error(
        [&, &bad = bad] { matmul(test::kCpu, bad); },
        std::string("[matmul] an epilogue needs a bias, an overwritten output of the dtype of a "
                    "and an a that is not transposed, got ") +
            got);
  }
}

}  // namespace
}  // namespace seqpe::kernels
