#include "models/seqpe/digits.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace seqpe::models {
namespace {

using Integers = std::vector<std::int64_t>;
using Mask = std::vector<std::uint8_t>;

TEST(WriteDigits, HandCases) {
  struct Case {
    Integers positions;
    std::int64_t dimensions, base, max_digits;
    Integers digits;
    Mask mask;
  };
  for (const Case& c :
       {Case{{123}, 1, 10, 5, {0, 0, 1, 2, 3}, {0, 0, 1, 1, 1}},
        Case{{0}, 1, 10, 3, {0, 0, 0}, {0, 0, 1}},
        Case{{0, 9, 10, 99}, 1, 10, 2, {0, 0, 0, 9, 1, 0, 9, 9}, {0, 1, 0, 1, 1, 1, 1, 1}},
        Case{{2, 3}, 2, 10, 2, {0, 2, 0, 3}, {0, 1, 0, 1}},
        Case{{12, 0, 5, 67}, 2, 10, 2, {1, 2, 0, 0, 0, 5, 6, 7}, {1, 1, 0, 1, 0, 1, 1, 1}},
        Case{{5}, 1, 2, 4, {0, 1, 0, 1}, {0, 1, 1, 1}}, Case{{100}, 1, 10, 3, {1, 0, 0}, {1, 1, 1}},
        Case{{511}, 1, 256, 2, {1, 255}, {1, 1}},
        Case{{9223372036854775807}, 1, 1 << 21, 3, {2097151, 2097151, 2097151}, {1, 1, 1}},
        Case{{}, 1, 10, 4, {}, {}}}) {
    const DigitSequences out = write_digits(c.positions, c.dimensions, c.base, c.max_digits);
    EXPECT_EQ(out.digits, c.digits);
    EXPECT_EQ(out.pad_mask, c.mask);
    EXPECT_EQ(out.count * c.dimensions, static_cast<std::int64_t>(c.positions.size()));
  }
}

TEST(WriteDigits, ReadBackInAnyBase) {
  for (const std::int64_t base : {2, 3, 7, 10, 16, 256}) {
    for (const std::int64_t position : {0, 1, 6, 255, 256, 1000, 19999}) {
      const DigitSequences out = write_digits({position}, 1, base, 15);
      std::int64_t value = 0, real = 0, smallest = 1;
      for (std::size_t i = 0; i < out.digits.size(); ++i) {
        EXPECT_TRUE(out.digits[i] >= 0 && out.digits[i] < base);
        EXPECT_TRUE(out.pad_mask[i] == 1 || real == 0) << "padding lies to the left";
        value = value * base + out.digits[i];
        real += out.pad_mask[i];
      }
      for (std::int64_t i = 1; i < real; ++i) smallest *= base;
      EXPECT_EQ(value, position) << "base " << base;
      EXPECT_TRUE(real == 1 || position >= smallest) << "a real digit leads";
    }
  }
}

TEST(WriteDigits, Errors) {
  test::expect_error<ConfigError>(
      [] {
        write_digits({5, 100}, 1, 10, 2);
      },
      "[seqpe] position 100 needs 3 digits in base 10, seqpe.max_digits is 2. Hint: train with a "
      "larger seqpe.max_digits or evaluate at shorter lengths.");
  test::expect_error<ConfigError>(
      [] { write_digits({4}, 1, 2, 2); },
      "[seqpe] position 4 needs 3 digits in base 2, seqpe.max_digits is 2. Hint: train with a "
      "larger seqpe.max_digits or evaluate at shorter lengths.");
  test::expect_error<ConfigError>(
      [] {
        write_digits({3, -1}, 2, 10, 2);
      },
      "[seqpe] positions must be >= 0, got -1.");
  test::expect_error(
      [] {
        write_digits({1, 2, 3}, 2, 10, 2);
      },
      "[seqpe] positions must come in groups of 2 integers, got 3.");
}

TEST(DigitsNeeded, HandCases) {
  struct Case {
    std::int64_t max_position, dimensions, base, digits;
  };
  // One dimension: the digits of max_position - 1; two: of floor(sqrt(max_position)) - 1.
  for (const Case& c :
       {Case{20000, 1, 10, 5}, Case{10000, 1, 10, 4}, Case{10001, 1, 10, 5}, Case{10, 1, 10, 1},
        Case{11, 1, 10, 2}, Case{2, 1, 10, 1}, Case{1, 1, 10, 1}, Case{16, 1, 2, 4},
        Case{17, 1, 2, 5}, Case{257, 1, 256, 2}, Case{10000, 2, 10, 2}, Case{10201, 2, 10, 3},
        Case{10200, 2, 10, 2}, Case{9999, 2, 10, 2}, Case{100, 2, 10, 1}, Case{1, 2, 10, 1},
        Case{1000000000000000000, 2, 10, 9}}) {
    EXPECT_EQ(digits_needed(c.max_position, c.dimensions, c.base), c.digits)
        << c.max_position << " " << c.dimensions << " " << c.base;
  }
}

}  // namespace
}  // namespace seqpe::models
