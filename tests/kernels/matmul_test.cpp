#include "kernels/matmul.h"

#include <array>

#include "kernels/cpu/gemm_packed.h"
#include "tests/reference/matmul.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

void library(const MatmulArgs& args) {
  matmul(test::kCpu, args);
}

struct Path {
  const char* name;
  void (*run)(const MatmulArgs&);
};

/// The GEMM library's twin and our own loops.
constexpr Path kPaths[] = {{"matmul", library}, {"gemm_packed", cpu::gemm_packed}};

/// [batch, rows, columns] with rows `stride` apart; NaN between them, which nobody may read.
template <typename T>
std::vector<T> matrices(std::int64_t batch, std::int64_t rows, std::int64_t columns,
                        std::int64_t stride, std::uint64_t seed) {
  auto values = test::random_vector<T>(batch * rows * stride, seed);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (static_cast<std::int64_t>(i) % stride >= columns) values[i] = test::poisoned<T>(1)[0];
  }
  return values;
}

struct Operands {
  bool share_a = false, share_b = false;
  std::int64_t gap = 0;  // between rows
  bool pre_activation = false;
};

/// The operands of one product and its output, before and after.
template <typename T>
class Product {
 public:
  Product(MatmulArgs args, const Operands& how) : args_(args) {
    args_.dtype = dtype_of<T>;
    const std::int64_t a_rows = args.trans_a ? args.k : args.m;
    const std::int64_t a_columns = args.trans_a ? args.m : args.k;
    const std::int64_t b_rows = args.trans_b ? args.n : args.k;
    const std::int64_t b_columns = args.trans_b ? args.k : args.n;
    // A library asks for strides of at least 1, even of an empty matrix.
    args_.lda = std::max<std::int64_t>(1, a_columns + how.gap);
    args_.ldb = std::max<std::int64_t>(1, b_columns + 2 * how.gap);
    args_.ldc = std::max<std::int64_t>(1, args.n + 3 * how.gap);
    args_.batch_stride_a = how.share_a ? 0 : a_rows * args_.lda;
    args_.batch_stride_b = how.share_b ? 0 : b_rows * args_.ldb;
    args_.batch_stride_out = args.m * args_.ldc;
    a_ = matrices<T>(how.share_a ? 1 : args.batch, a_rows, a_columns, args_.lda, 1);
    b_ = matrices<T>(how.share_b ? 1 : args.batch, b_rows, b_columns, args_.ldb, 2);
    bias_ = test::random_vector<T>(args.n, 3);
    initial_ = test::before<T>(args.write, args.batch * args.m * args_.ldc);
    if (how.pre_activation) pre_activation_ = test::poisoned<T>(args.batch * args.m * args_.ldc);
    args_.a = a_.data();
    args_.b = b_.data();
    args_.bias = args.epilogue == Epilogue::none ? nullptr : bias_.data();
  }

  test::Bytes run(const Path& path) {
    out_ = initial_;
    args_.out = out_.data();
    args_.pre_activation = pre_activation_.empty() ? nullptr : pre_activation_.data();
    path.run(args_);
    return test::bits_of(out_, pre_activation_);
  }

  void expect_as_defined(const Path& path) {
    run(path);
    Doubles out = test::to_double(initial_), pre(pre_activation_.size(), std::nan(""));
    reference::matmul(args_, test::to_double(a_), test::to_double(b_), test::to_double(bias_), out,
                      pre);
    // An epilogue works on sums that were stored as T.
    const double roundings = args_.epilogue == Epilogue::none ? 1 : 3;
    const auto terms = static_cast<double>(args_.k);
    SCOPED_TRACE(fmt::format("{} {}: m {}, n {}, k {}, trans {} {}, batch {}, strides {} {} {}",
                             path.name, name_of(args_.dtype), args_.m, args_.n, args_.k,
                             args_.trans_a, args_.trans_b, args_.batch, args_.lda, args_.ldb,
                             args_.ldc));
    test::expect_close(out_, out, test::tolerance<T>(terms, test::largest(out), roundings), "out");
    test::expect_close(pre_activation_, pre,
                       test::tolerance<T>(terms, test::largest(pre), roundings), "pre_activation");
  }

 private:
  MatmulArgs args_;
  std::vector<T> a_, b_, bias_, initial_, out_, pre_activation_;
};

template <typename T>
class MatmulKernel : public testing::Test {};
TYPED_TEST_SUITE(MatmulKernel, test::Floating);

// Nothing, one element, and sizes around the blocks of our loops (tasks of 48 rows and 256
// columns).
constexpr std::int64_t kSizes[][3] = {{0, 3, 2},   {3, 0, 2},     {3, 2, 0},    {1, 1, 1},
                                      {1, 17, 5},  {7, 1, 3},     {5, 3, 1},    {33, 17, 65},
                                      {2, 259, 9}, {66, 35, 130}, {130, 270, 3}};

TYPED_TEST(MatmulKernel, AllTransposesSizesAndStrides) {
  for (const auto& [m, n, k] : kSizes) {
    for (const int transposed : {0, 1, 2, 3}) {
      for (const Write write : test::kWrites) {
        for (const std::int64_t gap : {0, 3}) {
          Product<TypeParam> product({.m = m,
                                      .n = n,
                                      .k = k,
                                      .trans_a = (transposed & 1) != 0,
                                      .trans_b = (transposed & 2) != 0,
                                      .alpha = gap == 0 ? 1.0 : -0.75,
                                      .write = write},
                                     {.gap = gap});
          for (const Path& path : kPaths) product.expect_as_defined(path);
        }
      }
    }
  }
}

TYPED_TEST(MatmulKernel, Batches) {
  // The first is small enough for our loops, the second goes to the library.
  for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{5, 7, 6}, {65, 64, 65}}) {
    for (const auto& [share_a, share_b] : {std::pair{false, false}, {true, false}, {false, true}}) {
      for (const Write write : test::kWrites) {
        Product<TypeParam> product(
            {.m = m, .n = n, .k = k, .trans_b = share_a, .batch = 3, .write = write},
            {.share_a = share_a, .share_b = share_b, .gap = share_b ? 2 : 0});
        for (const Path& path : kPaths) product.expect_as_defined(path);
      }
    }
  }
}

TYPED_TEST(MatmulKernel, Epilogues) {
  for (const Epilogue epilogue :
       {Epilogue::bias, Epilogue::bias_gelu_tanh, Epilogue::bias_gelu_erf}) {
    for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{0, 3, 2}, {3, 5, 0}, {131, 19, 7}}) {
      for (const bool trans_b : {false, true}) {
        for (const bool pre_activation : {false, true}) {
          Product<TypeParam> product(
              {.m = m,
               .n = n,
               .k = k,
               .trans_b = trans_b,
               .batch = 2,
               .alpha = 1.5,
               .epilogue = epilogue},
              {.share_b = trans_b, .gap = 1, .pre_activation = pre_activation});
          product.expect_as_defined(kPaths[0]);
        }
      }
    }
  }
}

// Several passes over k, and several blocks of rows and of columns: 384, 4096 and 3072 at a time.
TYPED_TEST(MatmulKernel, SeveralBlocksOfEverySide) {
  for (const auto& [m, n, k] :
       {std::array<std::int64_t, 3>{7, 20, 385}, {50, 17, 800}, {3, 3075, 5}, {4099, 2, 3}}) {
    for (const int transposed : {0, 1, 2, 3}) {
      for (const Write write : test::kWrites) {
        for (const Path& path : kPaths) {
          SCOPED_TRACE(fmt::format("{} {} {} {}, trans {}", path.name, m, n, k, transposed));
          Product<TypeParam> product({.m = m,
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

// The rows of one item are cut into blocks of at most 2 MiB before the epilogue.
TEST(MatmulKernelBlocks, EpilogueOfSeveralBlocksOfRows) {
  for (const std::int64_t m : {128, 129, 300}) {
    Product<double> product({.m = m, .n = 2100, .k = 2, .epilogue = Epilogue::bias_gelu_tanh},
                            {.pre_activation = true});
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
                                {1, 200, 768},
                                {200, 1, 768}}) {
    for (const int transposed : {0, 1, 2, 3}) {
      Product<TypeParam> product({.m = m,
                                  .n = n,
                                  .k = k,
                                  .trans_a = (transposed & 1) != 0,
                                  .trans_b = (transposed & 2) != 0},
                                 {});
      for (const Path& path : kPaths) {
        SCOPED_TRACE(fmt::format("{} {}: {} {} {}, trans {}", path.name,
                                 name_of(dtype_of<TypeParam>), m, n, k, transposed));
        test::expect_same_bits_for_any_threads([&] { return product.run(path); });
      }
    }
  }
}

TEST(MatmulKernelBlocks, AnEpilogueNeedsABiasAndAnOverwrittenOutput) {
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
  MatmulArgs no_bias = good, adds = good, transposed = good;
  no_bias.bias = nullptr;
  adds.write = Write::accumulate;
  transposed.trans_a = true;
  for (const MatmulArgs& bad : {no_bias, adds, transposed})
    EXPECT_THROW(matmul(test::kCpu, bad), Error);
}

}  // namespace
}  // namespace seqpe::kernels
