// The wrappers of kernels/simt/ptx.h, lane by lane, against the PTX ISA: the same test holds for
// the emulator's twins and for a GPU. Fragment layouts are written down here once more, as the
// manual prints them (chapters "Matrix Fragments for mma.m16n8k16" and "ldmatrix"), so that the
// emulator's reading is not held to itself.
#include <array>
#include <bit>
#include <numeric>

#include "tests/cuda/device_array.h"
#include "tests/cuda/ptx_kernels.h"

namespace seqpe::test {
namespace {

constexpr std::size_t kLanes = 32;

/// Element [row, column] that lane `lane` holds as number i of its fragment.
struct Place {
  std::size_t row, column;
};
Place place_in_a(std::size_t lane, std::size_t i) {  // a0 .. a7, of [16, 16]
  const std::size_t group = lane >> 2, thread = lane % 4;
  return {i < 2 || (4 <= i && i < 6) ? group : group + 8,
          i < 4 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8};
}
Place place_in_b(std::size_t lane, std::size_t i) {  // b0 .. b3, of [16, 8]
  const std::size_t group = lane >> 2, thread = lane % 4;
  return {i < 2 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8, group};
}
Place place_in_c(std::size_t lane, std::size_t i) {  // c0 .. c3, of [16, 8]
  const std::size_t group = lane >> 2, thread = lane % 4;
  return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
}

/// Pairs of neighbouring elements in registers, the first in the lower half.
template <std::size_t kElements, typename F>
std::vector<std::uint32_t> bf16_fragments(const std::vector<bf16>& matrix, std::size_t columns,
                                          const F& place) {
  std::vector<std::uint32_t> registers;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    for (std::size_t i = 0; i < kElements; i += 2) {
      const Place low = place(lane, i), high = place(lane, i + 1);
      registers.push_back(static_cast<std::uint32_t>(matrix[low.row * columns + low.column].bits) |
                          static_cast<std::uint32_t>(matrix[high.row * columns + high.column].bits)
                              << 16);
    }
  }
  return registers;
}

struct Product {
  std::vector<bf16> a, b;  // [16, 16], [16, 8]
  std::vector<float> c;    // [16, 8]
};

/// Runs the product on the device and compares every lane's four numbers. An error may be
/// `roundings` units of float times the sum of the terms' magnitudes.
void expect_product(const Product& given, bool in_place, double roundings) {
  std::vector<float> c(4 * kLanes);
  for (std::size_t n = 0; n < c.size(); ++n) {
    const Place at = place_in_c(n / 4, n % 4);
    c[n] = given.c[at.row * 8 + at.column];
  }
  const DeviceArray<std::uint32_t> device_a(bf16_fragments<8>(given.a, 16, place_in_a));
  const DeviceArray<std::uint32_t> device_b(bf16_fragments<4>(given.b, 8, place_in_b));
  const DeviceArray<float> device_c(c), device_d(poisoned<float>(4 * kLanes));
  run_mma(device_d.data(), device_a.data(), device_b.data(), device_c.data(), in_place);
  const std::vector<float> d = device_d.read();
  for (std::size_t n = 0; n < d.size(); ++n) {
    const Place at = place_in_c(n / 4, n % 4);
    double sum = c[n], magnitude = std::abs(sum);
    for (std::size_t k = 0; k < 16; ++k) {
      const double term =
          to_double(given.a[at.row * 16 + k]) * to_double(given.b[k * 8 + at.column]);
      sum += term;
      magnitude += std::abs(term);
    }
    const double allowed = roundings * std::numeric_limits<float>::epsilon() * magnitude;
    EXPECT_LE(std::abs(d[n] - sum), allowed)
        << "lane " << n / 4 << ", d" << n % 4 << ": " << d[n] << ", expected " << sum;
  }
}

TEST(PtxCuda, MmaPutsEveryElementInItsPlace) {
  // Small integers: every sum is exact, whatever its order.
  const auto integers = [](std::int64_t count, std::uint64_t seed) {
    std::vector<float> values = random_vector<float>(count, seed, -8.0, 8.0);
    for (float& value : values) value = std::round(value);
    return values;
  };
  const Product given{as<bf16>(integers(16 * 16, 1)), as<bf16>(integers(16 * 8, 2)),
                      integers(16 * 8, 3)};
  for (const bool in_place : {false, true})
    under_every_schedule([&] { expect_product(given, in_place, 0); });
}

TEST(PtxCuda, MmaRoundsNoWorseThanFloat) {
  const Product given{random_vector<bf16>(16 * 16, 4), random_vector<bf16>(16 * 8, 5),
                      random_vector<float>(16 * 8, 6)};
  // Tensor cores cut what they add to the length of the largest (Fasi et al., 2021): a unit for
  // each of 17 terms, and one for the result.
  under_every_schedule([&] { expect_product(given, false, 18); });
}

/// Lane l receives, of each matrix, elements (l / 4, 2 (l % 4)) and (l / 4, 2 (l % 4) + 1) in the
/// lower and the upper half of a register; transposed: of the transposed matrix.
void expect_matrices(bool transposed) {
  std::vector<std::uint16_t> rows(kLanes * 8);
  std::iota(rows.begin(), rows.end(), std::uint16_t{0x1234});  // all different, in both bytes
  std::vector<int> row_of_lane(kLanes);
  for (std::size_t lane = 0; lane < kLanes; ++lane)
    row_of_lane[lane] = static_cast<int>((lane * 11 + 5) % kLanes);
  const auto element = [&](std::size_t matrix, std::size_t row, std::size_t column) {
    if (transposed) std::swap(row, column);
    const auto stored = static_cast<std::size_t>(row_of_lane[8 * matrix + row]);
    return static_cast<std::uint32_t>(rows[stored * 8 + column]);
  };
  const DeviceArray<std::uint16_t> device_rows(rows);
  const DeviceArray<int> device_row_of_lane(row_of_lane);
  const DeviceArray<std::uint32_t> device_r(std::vector<std::uint32_t>(kLanes * 4, 0xdeadbeefu));
  run_ldmatrix(device_r.data(), device_rows.data(), device_row_of_lane.data(), transposed);
  const std::vector<std::uint32_t> r = device_r.read();
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t row = lane / 4, column = 2 * (lane % 4);
      EXPECT_EQ(r[lane * 4 + i], element(i, row, column) | element(i, row, column + 1) << 16)
          << "lane " << lane << ", matrix " << i;
    }
  }
}

TEST(PtxCuda, LdmatrixGivesEveryLaneItsElements) {
  under_every_schedule([] { expect_matrices(false); });
}

TEST(PtxCuda, LdmatrixTransposes) {
  under_every_schedule([] { expect_matrices(true); });
}

TEST(PtxCuda, CpAsyncCopiesOrClearsAndWaitsForItsGroups) {
  std::vector<std::uint32_t> from(kLanes * 2 * 4);
  std::iota(from.begin(), from.end(), 0x01020304u);
  std::vector<int> valid(kLanes * 2);
  for (std::size_t i = 0; i < valid.size(); ++i) valid[i] = i % 3 == 0 ? 0 : 1;
  under_every_schedule([&] {
    const DeviceArray<std::uint32_t> device_from(from);
    const DeviceArray<int> device_valid(valid);
    const DeviceArray<std::uint32_t> device_first(std::vector<std::uint32_t>(kLanes * 4));
    const DeviceArray<std::uint32_t> device_second(std::vector<std::uint32_t>(kLanes * 4));
    run_cp_async(device_first.data(), device_second.data(), device_from.data(),
                 device_valid.data());
    const std::vector<std::uint32_t> first = device_first.read(), second = device_second.read();
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t own = 2 * lane, others = 2 * (lane ^ 1) + 1;
        EXPECT_EQ(first[lane * 4 + i], valid[own] != 0 ? from[own * 4 + i] : 0u) << lane;
        EXPECT_EQ(second[lane * 4 + i], valid[others] != 0 ? from[others * 4 + i] : 0u) << lane;
      }
    }
  });
}

/// The bf16 nearest to x, of two equally near the one with an even last bit, found by dividing by
/// the distance of neighbouring bf16.
double nearest_bf16(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  constexpr int kBits = 7, kLeastExponent = -126;
  const double unit = std::ldexp(1.0, std::max(std::ilogb(x), kLeastExponent) - kBits);
  const double rounded = std::nearbyint(x / unit) * unit;
  return std::abs(rounded) < 0x1p128 ? rounded
                                     : std::copysign(std::numeric_limits<double>::infinity(), x);
}

TEST(PtxCuda, PackRoundsBothHalvesToNearestEven) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kMax = std::numeric_limits<float>::max();
  // 1 + 2^-8 and 1 + 3 * 2^-8 are ties: down and up to even.
  std::vector<float> low = {0.0f,
                            -0.0f,
                            1.0f,
                            -1.0f,
                            0x1.01p0f,
                            1.75f,
                            0x1.03p0f,
                            -0x1.01p0f,
                            kInfinity,
                            -kInfinity,
                            kMax,
                            -kMax,
                            0x1.010002p0f,
                            0x1p-126f,
                            0x1.8p-133f,
                            0x1p-149f,
                            0x1.fefffep127f,
                            0x1.fffffep-127f};
  for (const float value : random_vector<float>(256 - static_cast<std::int64_t>(low.size()), 7))
    low.push_back(value * 1000.0f);
  // Other numbers than the lower half's: a half that strays is seen.
  std::vector<float> high(low.rbegin(), low.rend());
  under_every_schedule([&] {
    const auto count = static_cast<int>(low.size());
    const DeviceArray<float> device_low(low), device_high(high);
    const DeviceArray<std::uint32_t> device_pairs(std::vector<std::uint32_t>(low.size()));
    run_pack_bf16x2(device_pairs.data(), device_low.data(), device_high.data(), count);
    const std::vector<std::uint32_t> pairs = device_pairs.read();
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      for (const auto& [bits, given] :
           {std::pair{pairs[i] << 16, low[i]}, std::pair{pairs[i] & 0xffff0000u, high[i]}}) {
        const auto value = std::bit_cast<float>(bits);
        EXPECT_EQ(value, nearest_bf16(given)) << given;
        EXPECT_EQ(std::signbit(value), std::signbit(given)) << given;
      }
    }
  });
}

TEST(PtxCuda, PackKeepsNaN) {
  const std::vector<float> numbers(kLanes, 1.0f), nans = poisoned<float>(kLanes);
  const DeviceArray<float> low(nans), high(numbers);
  const DeviceArray<std::uint32_t> pairs(std::vector<std::uint32_t>(kLanes, 0));
  run_pack_bf16x2(pairs.data(), low.data(), high.data(), static_cast<int>(kLanes));
  for (const std::uint32_t pair : pairs.read()) {
    EXPECT_TRUE(std::isnan(std::bit_cast<float>(pair << 16)));
    EXPECT_EQ(pair >> 16, 0x3f80u);
  }
}

std::vector<float> powers_of(const std::vector<float>& x) {
  const DeviceArray<float> device_x(x),
      powers(poisoned<float>(static_cast<std::int64_t>(x.size())));
  run_exp2(powers.data(), device_x.data(), static_cast<int>(x.size()));
  return powers.read();
}

TEST(PtxCuda, Exp2KeepsItsBound) {
  // The PTX ISA promises a relative error of at most 2^-22 for ex2.approx.ftz.f32.
  std::vector<float> x = random_vector<float>(1024, 8, -125.9, 127.9);
  const std::vector<float> small = random_vector<float>(1024, 9, -1.0, 1.0);
  x.insert(x.end(), small.begin(), small.end());
  const std::vector<float> powers = powers_of(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp2(static_cast<double>(x[i]));
    EXPECT_LE(std::abs(powers[i] - exact), 0x1p-22 * exact) << x[i];
  }
}

TEST(PtxCuda, Exp2OfSpecialNumbers) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<std::pair<float, float>> cases = {
      {0.0f, 1.0f},        {-0.0f, 1.0f},      {1e-40f, 1.0f},        {-1e-40f, 1.0f},
      {-kInfinity, 0.0f},  {-1e30f, 0.0f},     {-150.0f, 0.0f},       {-127.0f, 0.0f},
      {-126.5f, 0.0f},  // below the normal range, where ftz gives zero
      {128.0f, kInfinity}, {1e30f, kInfinity}, {kInfinity, kInfinity}};
  std::vector<float> x(kLanes, 0.0f);
  for (std::size_t i = 0; i < cases.size(); ++i) x[i] = cases[i].first;
  x.back() = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> powers = powers_of(x);
  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(powers[i], cases[i].second) << cases[i].first;
  EXPECT_TRUE(std::isnan(powers.back()));
}

}  // namespace
}  // namespace seqpe::test
