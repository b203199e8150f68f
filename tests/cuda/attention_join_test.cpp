// The kernels around cuDNN's attention, by themselves: copies are held bit for bit, sums to
// doubles.
#include "kernels/cuda/attention_join.h"

#include "tests/cuda/attention_support.h"

namespace seqpe::kernels {
namespace {

using test::AttentionCase;
using test::AttentionLayout;
using test::AttentionMask;
using test::DeviceArray;
using test::on_cuda;
using test::Placement;

const AttentionCase kCases[] = {
    {"one_block", 2, 2, 19, 19, 32, 32, true, AttentionMask::none, 0, 32, 1, 0, 0.5},
    {"blocks", 5, 2, 7, 7, 64, 64, true, AttentionMask::none, 0, 64, 3, 4, 1.5},
    {"unused_block", 2, 1, 5, 5, 32, 32, true, AttentionMask::none, 0, 32, 4, 1, 2},
    {"shared", 3, 3, 7, 7, 32, 32, true, AttentionMask::none, 0, 32, 2, 1, 0.5, true},
    {"packed", 2, 2, 9, 9, 32, 32, true, AttentionMask::none, 0, 32, 1, 0, 2, false,
     AttentionLayout::packed},
    {"head_major", 2, 2, 9, 9, 32, 32, true, AttentionMask::none, 0, 32, 1, 0, 2, false,
     AttentionLayout::head_major}};

Placement rows_place(const AttentionCase& c) {
  return {AttentionLayout::token_major, c.batch, c.q_len, c.heads, c.head_size + c.pe_size};
}

/// f(index of the rows' element, b, t, h, column)
template <typename F>
void for_each_element(const AttentionCase& c, const F& f) {
  std::size_t i = 0;
  for (std::int64_t b = 0; b < c.batch; ++b) {
    for (std::int64_t t = 0; t < c.q_len; ++t) {
      for (std::int64_t h = 0; h < c.heads; ++h) {
        for (std::int64_t column = 0; column < c.head_size + c.pe_size; ++column)
          f(i++, b, t, h, column);
      }
    }
  }
}

std::size_t index_in(const Placement& place, std::int64_t b, std::int64_t t, std::int64_t h,
                     std::int64_t column) {
  return static_cast<std::size_t>(b * place.batch_stride + t * place.token_stride +
                                  h * place.head_stride + column);
}

TEST(AttentionJoinCuda, PutsTheSecondPairBesideTheFirst) {
  for (const AttentionCase& c : kCases) {
    SCOPED_TRACE(c.name);
    const AttentionShape shape = test::shape_of(c);
    const Placement x_place(c.layout, c.batch, c.q_len, c.heads, c.head_size),
        pe_place(c.layout, c.pe_blocks, c.q_len, c.heads, c.pe_size, c.shared_pe);
    const auto x = test::random_operand<bf16>(x_place, 1),
               pe = test::random_operand<bf16>(pe_place, 2);
    const DeviceArray<bf16> x_memory(x), pe_memory(pe);
    test::under_every_schedule([&] {
      const DeviceArray<bf16> rows(test::poisoned<bf16>(rows_place(c).count));
      cuda::join_pair(on_cuda(), rows.data(), test::operand(x_memory.data(), x_place),
                      test::operand(pe_memory.data(), pe_place), shape, c.q_len, c.pe_scale);
      const auto got = rows.read();
      for_each_element(c, [&](std::size_t i, std::int64_t b, std::int64_t t, std::int64_t h,
                              std::int64_t column) {
        const std::int64_t block = (c.first_sequence + b) % c.pe_blocks;
        const bf16 expected =
            column < c.head_size
                ? x[index_in(x_place, b, t, h, column)]
                : bf16(static_cast<float>(c.pe_scale) *
                       static_cast<float>(
                           pe[index_in(pe_place, block, t, h, column - c.head_size)]));
        ASSERT_EQ(test::bits_of(std::vector{got[i]}), test::bits_of(std::vector{expected})) << i;
      });
    });
  }
}

/// An output's memory from the array's `shift`-th element on: at 1, no pack of it is aligned.
struct Output {
  Output(const Placement& place_, Write write_, std::int64_t shift_)
      : place(place_), write(write_), shift(static_cast<std::size_t>(shift_)) {
    before = write == Write::overwrite ? test::poisoned<bf16>(place.count)
                                       : test::random_operand<bf16>(place, 3);
    before.insert(before.begin(), shift, bf16(7.0f));
  }
  AttentionOutput on(const DeviceArray<bf16>& memory) const {
    return test::output(memory.data() + shift, place, write);
  }
  double initial(std::size_t i) const {
    return write == Write::overwrite ? 0.0 : test::to_double(before[shift + i]);
  }

  const Placement place;
  Write write;
  std::size_t shift;
  std::vector<bf16> before;
};

/// f(output) for each way of writing and alignment.
template <typename F>
void for_each_output(const Placement& place, const F& f) {
  for (const Write write : test::kWrites) {
    for (const std::int64_t shift : {0, 1}) {
      SCOPED_TRACE(testing::Message()
                   << (write == Write::overwrite ? "overwrite" : "accumulate") << " at " << shift);
      f(Output(place, write, shift));
    }
  }
}

/// What was written, against what each element of the place must hold; all else as it was.
void expect_written(const std::vector<bf16>& got, const Output& output,
                    const std::vector<double>& expected, double tolerance) {
  std::vector<bool> belongs(got.size());
  output.place.for_each([&](std::size_t i) {
    belongs[output.shift + i] = true;
    ASSERT_NEAR(test::to_double(got[output.shift + i]), expected[i],
                tolerance * (1 + std::abs(expected[i])))
        << i;
  });
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (belongs[i]) continue;
    ASSERT_EQ(test::bits_of(std::vector{got[i]}), test::bits_of(std::vector{output.before[i]}))
        << i;
  }
}

constexpr double kRounding = 1.0 / 256;  // half a unit in bf16's last place, and the sum's order

TEST(AttentionJoinCuda, TakesTheFirstColumns) {
  for (const AttentionCase& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto rows = test::random_operand<bf16>(rows_place(c), 1);
    const DeviceArray<bf16> memory(rows);
    for_each_output(
        Placement(c.layout, c.batch, c.q_len, c.heads, c.head_size), [&](const Output& output) {
          std::vector<double> expected(static_cast<std::size_t>(output.place.count));
          for_each_element(c, [&](std::size_t i, std::int64_t b, std::int64_t t, std::int64_t h,
                                  std::int64_t column) {
            if (column >= c.head_size) return;
            const std::size_t at = index_in(output.place, b, t, h, column);
            expected[at] = output.initial(at) + test::to_double(rows[i]);
          });
          test::under_every_schedule([&] {
            const DeviceArray<bf16> out(output.before);
            cuda::take_columns(on_cuda(), output.on(out), memory.data(), test::shape_of(c), c.q_len,
                               c.head_size, c.head_size + c.pe_size);
            expect_written(out.read(), output, expected,
                           output.write == Write::overwrite ? 0.0 : kRounding);
          });
        });
  }
}

TEST(AttentionJoinCuda, SumsThePositionsOfABlocksSequences) {
  for (const AttentionCase& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto rows = test::random_operand<bf16>(rows_place(c), 1);
    const DeviceArray<bf16> memory(rows);
    for_each_output(Placement(c.layout, c.pe_blocks, c.q_len, c.heads, c.pe_size, c.shared_pe),
                    [&](const Output& output) {
                      std::vector<double> expected(static_cast<std::size_t>(output.place.count));
                      for (std::size_t i = 0; i < expected.size(); ++i)
                        expected[i] = output.initial(i);
                      for_each_element(c, [&](std::size_t i, std::int64_t b, std::int64_t t,
                                              std::int64_t h, std::int64_t column) {
                        if (column < c.head_size) return;
                        expected[index_in(output.place, (c.first_sequence + b) % c.pe_blocks, t, h,
                                          column - c.head_size)] +=
                            c.pe_scale * test::to_double(rows[i]);
                      });
                      test::under_every_schedule([&] {
                        const DeviceArray<bf16> out(output.before);
                        cuda::sum_joined_positions(on_cuda(), output.on(out), memory.data(),
                                                   test::shape_of(c), c.q_len, c.pe_scale);
                        expect_written(out.read(), output, expected, kRounding);
                      });
                    });
  }
}

std::int64_t seed_of(const AttentionShape& shape) {
  const DeviceArray<std::int64_t> numbers(std::vector<std::int64_t>{-1, -1});
  cuda::draw_mask_seed(on_cuda(), numbers.data(), shape);
  EXPECT_EQ(numbers.read()[1], 0);
  return numbers.read()[0];
}

TEST(AttentionJoinCuda, DrawsASeedForEachStepLayerAndFirstSequence) {
  AttentionShape shape;
  shape.q_len = 16;
  shape.dropout_key = {.seed = 11, .stream = 5, .step = 0};
  const DeviceArray<std::int32_t> step(std::vector<std::int32_t>{3});
  const std::int64_t seed = seed_of(shape);
  EXPECT_EQ(seed_of(shape), seed);
  AttentionShape later = shape, layer = shape, micro_batch = shape, told = shape;
  later.dropout_step = step.data();
  layer.dropout_key.stream = 6;
  micro_batch.first_sequence = 1;
  told.dropout_key.step = 3;
  EXPECT_EQ(seed_of(later), seed_of(told));
  for (const AttentionShape& other : {later, layer, micro_batch}) EXPECT_NE(seed_of(other), seed);
}

}  // namespace
}  // namespace seqpe::kernels
