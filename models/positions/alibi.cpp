#include "models/positions/alibi.h"

#include <bit>
#include <cmath>

#include "kernels/common/bf16.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kParts = 3;  // of 8 bits: all that a float32 holds

}  // namespace

std::vector<double> alibi_slopes(std::int64_t heads) {
  const auto slopes_of = [](std::int64_t count) {
    std::vector<double> slopes;
    for (std::int64_t h = 1; h <= count; ++h)
      slopes.push_back(std::exp2(-8.0 * static_cast<double>(h) / static_cast<double>(count)));
    return slopes;
  };
  const auto power = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(heads)));
  std::vector<double> slopes = slopes_of(power);
  const std::vector<double> finer = slopes_of(2 * power);
  for (std::size_t h = 0; slopes.size() < static_cast<std::size_t>(heads); h += 2)
    slopes.push_back(finer[h]);
  return slopes;
}

AlibiPosition::AlibiPosition(std::int64_t train_length, std::int64_t heads)
    : table_({train_length}, 2 * kParts * heads,
             [slopes = alibi_slopes(heads)](const std::int64_t* position, double* row) {
               const std::size_t keys = kParts * slopes.size();
               for (std::size_t h = 0; h < slopes.size(); ++h) {
                 auto rest = static_cast<float>(slopes[h] * static_cast<double>(*position));
                 for (std::size_t part = 0; part < kParts; ++part) {
                   const auto held = static_cast<float>(bf16(rest));
                   row[kParts * h + part] = 1.0;
                   row[keys + kParts * h + part] = held;
                   rest -= held;
                 }
               }
             }) {
  add_child("table", table_);
}

Tensor AlibiPosition::compute(const PositionGrid& grid, const nn::Pass&) const {
  return table_.rows(grid);
}

PreparedPositions AlibiPosition::prepare(const Tensor& pe, DType dtype) const {
  return {pe, {.pe = pe.to(dtype), .split = true, .shared_by_heads = false}};
}

void AlibiPosition::at_attention(std::int64_t, const PreparedPositions& positions, const nn::Pass&,
                                 nn::SelfAttention::Extra& extra) const {
  extra.position = positions.shared;
}

}  // namespace seqpe::models
