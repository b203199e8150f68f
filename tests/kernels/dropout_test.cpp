#include "kernels/dropout.h"

#include "tests/reference/dropout.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class DropoutKernel : public testing::Test {};
TYPED_TEST_SUITE(DropoutKernel, test::Floating);

constexpr PhiloxKey kKey = {.seed = 0x123456789abcdef, .stream = 17, .step = 4};

// Numbers come 128 at a time, elements in chunks of 1024.
TYPED_TEST(DropoutKernel, DropsTheElementsThatTheNumbersSay) {
  using T = TypeParam;
  const std::uint64_t firsts[] = {0, 1, 127, 1022, (1ull << 35) - 5};
  for (const std::int64_t count : {0, 1, 5, 128, 131, 1025, 2100}) {
    for (const std::uint64_t first : firsts) {
      for (const double probability : {0.0, 0.1, 0.75}) {
        for (const Write write : test::kWrites) {
          for (const bool with_residual : {false, true}) {
            const auto x = test::random_vector<T>(count, 1);
            const auto residual = test::random_vector<T>(count, 2);
            auto out = test::before<T>(write, count);
            test::Doubles expected(out.size());
            for (std::size_t i = 0; i < out.size(); ++i) {
              expected[i] =
                  test::to_double(x[i]) * reference::dropout_factor(kKey, first + i, probability);
              if (with_residual) expected[i] += test::to_double(residual[i]);
              if (write == Write::accumulate) expected[i] += test::to_double(out[i]);
            }
            dropout(test::kCpu,
                    {.dtype = dtype_of<T>,
                     .out = out.data(),
                     .write = write,
                     .x = x.data(),
                     .residual = with_residual ? residual.data() : nullptr,
                     .count = count,
                     .draw = {.probability = probability, .key = kKey, .first_element = first}});
            test::expect_close(out, expected, test::tolerance<T>(2, test::largest(expected)),
                               "out");
          }
        }
      }
    }
  }
}

TYPED_TEST(DropoutKernel, TheStepMayLieInMemory) {
  using T = TypeParam;
  const std::vector<T> ones(300, test::from_double<T>(1));
  const auto drawn = [&](const PhiloxKey& key, const std::int32_t* step, std::int64_t run) {
    std::vector<T> out(ones.size());
    dropout(test::kCpu,
            {.dtype = dtype_of<T>,
             .out = out.data(),
             .x = ones.data(),
             .count = 300,
             .draw = {.probability = 0.5, .key = key, .step = step, .run = run, .run_stride = 90}});
    return test::bits_of(out);
  };
  PhiloxKey other = kKey;
  other.step = 5;
  const std::int32_t step = kKey.step;
  for (const std::int64_t run : {0, 30}) {
    EXPECT_TRUE(drawn(other, &step, run) == drawn(kKey, nullptr, run));
    EXPECT_FALSE(drawn(other, nullptr, run) == drawn(kKey, nullptr, run));
  }
}

TYPED_TEST(DropoutKernel, APieceOfTheBatchDrawsItsPieceOfTheMask) {
  using T = TypeParam;
  const std::int64_t count = 2500, first = 1201;
  const std::vector<T> ones(count, test::from_double<T>(1));
  std::vector<T> whole(count), piece(count - first);
  DropoutArgs args = {.dtype = dtype_of<T>,
                      .out = whole.data(),
                      .x = ones.data(),
                      .count = count,
                      .draw = {.probability = 0.5, .key = kKey, .first_element = 7}};
  test::expect_same_bits_for_any_threads([&] {
    dropout(test::kCpu, args);
    return test::bits_of(whole);
  });
  args.out = piece.data();
  args.count = count - first;
  args.draw.first_element += first;
  dropout(test::kCpu, args);
  EXPECT_TRUE(test::bits_of(piece) ==
              test::bits_of(std::vector<T>(whole.begin() + first, whole.end())));
}

TYPED_TEST(DropoutKernel, WholeRunsAreDroppedByOneNumber) {
  using T = TypeParam;
  const std::vector<T> ones(2600, test::from_double<T>(1));
  for (const std::int64_t run : {1, 13, 1300}) {
    std::vector<T> out(ones.size());
    test::Doubles expected;
    for (std::int64_t i = 0; i < 2600; ++i)
      expected.push_back(
          reference::dropout_factor(kKey, 7 + 3 * static_cast<std::uint64_t>(i / run), 0.5));
    dropout(test::kCpu, {.dtype = dtype_of<T>,
                         .out = out.data(),
                         .x = ones.data(),
                         .count = 2600,
                         .draw = {.probability = 0.5,
                                  .key = kKey,
                                  .first_element = 7,
                                  .run = run,
                                  .run_stride = 3,
                                  .whole_runs = true}});
    test::expect_close(out, expected, 0.0, "out");
  }
}

}  // namespace
}  // namespace seqpe::kernels
