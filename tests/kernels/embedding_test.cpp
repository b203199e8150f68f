#include "kernels/embedding.h"

#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class EmbeddingKernel : public testing::Test {};
TYPED_TEST_SUITE(EmbeddingKernel, test::Floating);

struct Case {
  std::int64_t count = 0, rows = 0, cols = 0;
};

constexpr Case kCases[] = {{0, 3, 5}, {1, 1, 1}, {7, 5, 3}, {70, 4, 33}, {40, 50, 131}};

/// Both ends of the table, and many indices more than once.
std::vector<std::int64_t> indices_of(const Case& c) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < c.count; ++i)
    indices.push_back(i % 3 == 0 ? c.rows - 1 : i * i % c.rows);
  return indices;
}

TYPED_TEST(EmbeddingKernel, ForwardCopiesRows) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    const auto table = test::random_vector<T>(c.rows * c.cols, 1);
    const auto indices = indices_of(c);
    auto out = test::poisoned<T>(c.count * c.cols);
    embedding_forward(test::kCpu, {.dtype = dtype_of<T>,
                                   .out = out.data(),
                                   .table = table.data(),
                                   .indices = indices.data(),
                                   .count = c.count,
                                   .rows = c.rows,
                                   .cols = c.cols});
    Doubles expected;
    for (const std::int64_t index : indices) {
      for (std::int64_t i = 0; i < c.cols; ++i)
        expected.push_back(test::to_double(table[static_cast<std::size_t>(index * c.cols + i)]));
    }
    test::expect_close(out, expected, 0.0, "out");
  }
}

template <typename T>
std::vector<T> backward(const Case& c, Write write) {
  const auto grad_out = test::random_vector<T>(c.count * c.cols, 2);
  const auto indices = indices_of(c);
  auto grad_table = test::before<T>(write, c.rows * c.cols);
  embedding_backward(test::kCpu, {.dtype = dtype_of<T>,
                                  .grad_table = grad_table.data(),
                                  .write = write,
                                  .grad_out = grad_out.data(),
                                  .indices = indices.data(),
                                  .count = c.count,
                                  .rows = c.rows,
                                  .cols = c.cols});
  return grad_table;
}

TYPED_TEST(EmbeddingKernel, BackwardSumsTheRowsOfAnIndex) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites) {
      const Doubles grad_out = test::to_double(test::random_vector<T>(c.count * c.cols, 2));
      Doubles expected = write == Write::accumulate
                             ? test::to_double(test::before<T>(write, c.rows * c.cols))
                             : Doubles(static_cast<std::size_t>(c.rows * c.cols));
      const auto indices = indices_of(c);
      for (std::int64_t e = 0; e < c.count * c.cols; ++e) {
        const std::int64_t row = indices[static_cast<std::size_t>(e / c.cols)];
        expected[static_cast<std::size_t>(row * c.cols + e % c.cols)] +=
            grad_out[static_cast<std::size_t>(e)];
      }
      test::expect_close(backward<T>(c, write), expected,
                         test::tolerance<T>(c.count, test::largest(expected)), "grad_table");
    }
  }
}

TEST(EmbeddingKernelBf16, ManyEqualIndicesAddUp) {
  constexpr std::int64_t kCount = 5000;
  const std::vector<std::int64_t> indices(kCount, 0);
  const std::vector<bf16> grad_out(kCount, bf16(1.0f));
  std::vector<bf16> grad_table(1);
  embedding_backward(test::kCpu, {.dtype = DType::bf16,
                                  .grad_table = grad_table.data(),
                                  .grad_out = grad_out.data(),
                                  .indices = indices.data(),
                                  .count = kCount,
                                  .rows = 1,
                                  .cols = 1});
  EXPECT_EQ(static_cast<float>(grad_table[0]), 4992.0f) << "the bf16 number next to 5000";
}

TYPED_TEST(EmbeddingKernel, SameBitsForAnyThreads) {
  test::expect_same_bits_for_any_threads([] {
    return test::bits_of(backward<TypeParam>({300, 7, 200}, Write::accumulate));
  });
}

}  // namespace
}  // namespace seqpe::kernels
