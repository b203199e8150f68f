// Embedding on the device: forward copies bits; backward against float64 on the CPU, measured by
// what the CPU's float32 or bf16 reaches, and exactly where every sum is exact.
#include "kernels/embedding.h"

#include "tests/cuda/device_array.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class EmbeddingCuda : public testing::Test {};
using DeviceTypes = testing::Types<float, bf16>;
TYPED_TEST_SUITE(EmbeddingCuda, DeviceTypes);

struct Case {
  std::int64_t count, rows, cols;
};

// One to three digits of the sort, several of its tiles; runs within a chunk, over chunks, one that
// is all chunks; several blocks of columns.
const Case kCases[] = {{0, 3, 5},    {1, 1, 1},      {7, 5, 3},        {70, 4, 33},
                       {40, 50, 16}, {300, 1, 8},    {96, 3, 4},       {33, 300, 1040},
                       {2, 5, 131},  {1100, 257, 8}, {2500, 70000, 4}, {130, 1 << 23, 1}};

/// Both ends of the table, and many indices more than once.
std::vector<std::int64_t> indices_of(const Case& c) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < c.count; ++i)
    indices.push_back(i % 3 == 0 ? c.rows - 1 : i * i * 7919 % c.rows);
  return indices;
}

template <typename U, template <typename> class Memory, typename T>
std::vector<U> forward(const Context& context, const Case& c, const std::vector<T>& table) {
  const Memory<U> table_there(test::as<U>(table)), out(test::poisoned<U>(c.count * c.cols));
  const Memory<std::int64_t> indices(indices_of(c));
  embedding_forward(context, {.dtype = dtype_of<U>,
                              .out = out.data(),
                              .table = table_there.data(),
                              .indices = indices.data(),
                              .count = c.count,
                              .rows = c.rows,
                              .cols = c.cols});
  return out.read();
}

template <typename U, template <typename> class Memory, typename T>
std::vector<U> backward(const Context& context, const Case& c, Write write,
                        const std::vector<T>& grad_out, const std::vector<T>& before) {
  const Memory<U> grad(test::as<U>(grad_out)), table(test::as<U>(before));
  const Memory<std::int64_t> indices(indices_of(c));
  embedding_backward(context, {.dtype = dtype_of<U>,
                               .grad_table = table.data(),
                               .write = write,
                               .grad_out = grad.data(),
                               .indices = indices.data(),
                               .count = c.count,
                               .rows = c.rows,
                               .cols = c.cols});
  return table.read();
}

bool is_small(const Case& c) {
  return c.rows * c.cols < 1 << 20;
}

TYPED_TEST(EmbeddingCuda, ForwardCopiesTheBits) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    if (!is_small(c)) continue;
    SCOPED_TRACE(testing::Message() << c.count << " of " << c.rows << " x " << c.cols);
    const auto table = test::random_vector<T>(c.rows * c.cols, 1);
    const auto cpu = forward<T, test::HostArray>(test::kCpu, c, table);
    test::under_every_schedule([&] {
      const auto device = forward<T, test::DeviceArray>(test::on_cuda(), c, table);
      EXPECT_TRUE(test::bits_of(device) == test::bits_of(cpu));
    });
  }
}

TYPED_TEST(EmbeddingCuda, BackwardAsGoodAsTheCpu) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    if (!is_small(c)) continue;
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message() << c.count << " of " << c.rows << " x " << c.cols);
      const auto grad_out = test::random_vector<T>(c.count * c.cols, 2);
      const auto before = test::before<T>(write, c.rows * c.cols);
      const auto exact = backward<double, test::HostArray>(test::kCpu, c, write, grad_out, before);
      const auto cpu = backward<T, test::HostArray>(test::kCpu, c, write, grad_out, before);
      const auto once = backward<T, test::DeviceArray>(test::on_cuda(), c, write, grad_out, before);
      test::under_every_schedule([&] {
        const auto device =
            backward<T, test::DeviceArray>(test::on_cuda(), c, write, grad_out, before);
        test::expect_as_good(device, cpu, exact, "grad_table");
        EXPECT_TRUE(test::bits_of(device) == test::bits_of(once));
      });
    }
  }
}

/// Sums of small integers are exact in any order, so an occurrence that is lost, doubled or put
/// into another row shows. The table has more rows than two digits of the sort tell apart.
TYPED_TEST(EmbeddingCuda, BackwardOfALargeTableIsExact) {
  using T = TypeParam;
  const Case& c = kCases[11];
  ASSERT_FALSE(is_small(c));
  std::vector<T> grad_out;
  for (std::int64_t i = 0; i < c.count; ++i)
    grad_out.push_back(test::from_double<T>(static_cast<double>(i % 5 - 1)));
  const std::vector<T> before(static_cast<std::size_t>(c.rows * c.cols), test::from_double<T>(1));
  const auto cpu = backward<T, test::HostArray>(test::kCpu, c, Write::accumulate, grad_out, before);
  const auto device =
      backward<T, test::DeviceArray>(test::on_cuda(), c, Write::accumulate, grad_out, before);
  EXPECT_TRUE(test::bits_of(device) == test::bits_of(cpu));
}

}  // namespace
}  // namespace seqpe::kernels
