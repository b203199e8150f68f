#include "models/seqpe/digit_edits.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "models/seqpe/digits.h"

namespace seqpe::models {
namespace {

/// One random edit: a digit inserted, deleted, swapped with another or replaced by another.
std::vector<std::int64_t> edited_once(std::vector<std::int64_t> digits, std::int64_t base,
                                      PhiloxGenerator& random) {
  const auto count = static_cast<std::int64_t>(digits.size());
  const auto at = digits.begin() + random.uniform_int(count);
  switch (random.uniform_int(4)) {
    case 0:
      digits.insert(digits.begin() + random.uniform_int(count + 1), random.uniform_int(base));
      break;
    case 1:
      digits.erase(at);
      break;
    case 2:
      if (count > 1) {
        const std::int64_t step = 1 + random.uniform_int(count - 1);
        std::iter_swap(at, digits.begin() + (at - digits.begin() + step) % count);
      }
      break;
    default:
      *at = (*at + 1 + random.uniform_int(base - 1)) % base;
  }
  return digits;
}

}  // namespace

DigitEdits::DigitEdits(const PositionSpace& space, std::int64_t base)
    : space_(space), base_(base), axis_digits_(digits_needed(space.side(), 1, base)) {}

DigitEdits::Digits DigitEdits::digits_of(std::int64_t number) const {
  Digits joined;
  for (std::int64_t integer : space_.coordinates({number})) {
    Digits digits;
    for (; integer > 0 || digits.empty(); integer /= base_) {
      digits.insert(digits.begin(), integer % base_);
    }
    if (joined == Digits{0}) joined.clear();
    joined.insert(joined.end(), digits.begin(), digits.end());
  }
  return joined;
}

/// The integer that the digits write, or `side` if it is not below that.
std::int64_t DigitEdits::value_of(Digits::const_iterator begin, Digits::const_iterator end) const {
  std::int64_t value = 0;
  for (; begin != end; ++begin) value = std::min(value * base_ + *begin, space_.side());
  return value;
}

/// Numbers of the positions that the digits write.
std::vector<std::int64_t> DigitEdits::numbers_of(const Digits& digits) const {
  const std::int64_t side = space_.side(), count = std::ssize(digits);
  if (digits.empty() || (count > 1 && digits[0] == 0)) return {};
  std::vector<std::int64_t> numbers;
  if (space_.dimensions() == 1 || count == 1) {
    const std::int64_t value = value_of(digits.begin(), digits.end());
    if (value < side) numbers.push_back(value);
    if (value < side && space_.dimensions() == 2) numbers.push_back(value * side);
    return numbers;
  }
  const std::int64_t first = std::max<std::int64_t>(1, count - axis_digits_);
  for (std::int64_t split = first; split <= std::min(axis_digits_, count - 1); ++split) {
    const auto middle = digits.begin() + split;
    const std::int64_t row = value_of(digits.begin(), middle);
    const std::int64_t column = value_of(middle, digits.end());
    if (row < side && column < side) numbers.push_back(row * side + column);
  }
  return numbers;
}

std::int64_t DigitEdits::edited(std::int64_t number, PhiloxGenerator& random) const {
  const Digits own = digits_of(number);
  Digits digits = own;
  std::vector<std::int64_t> numbers;
  for (std::int64_t edits = 1 + random.uniform_int(3); edits > 0;) {
    Digits one = edited_once(digits, base_, random);
    if (one == digits || (space_.dimensions() > 1 && one == own)) continue;
    std::vector<std::int64_t> written = numbers_of(one);
    if (written.empty()) continue;
    digits = std::move(one);
    numbers = std::move(written);
    --edits;
  }
  const std::int64_t count = std::ssize(numbers);
  return numbers[static_cast<std::size_t>(count == 1 ? 0 : random.uniform_int(count))];
}

}  // namespace seqpe::models
