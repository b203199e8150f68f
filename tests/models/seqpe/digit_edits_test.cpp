#include "models/seqpe/digit_edits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

namespace seqpe::models {
namespace {

struct Case {
  const char* name;
  std::int64_t max_position, dimensions, base, number;
  const char* word;  // the digits of position `number`
};

std::ostream& operator<<(std::ostream& out, const Case& test_case) {
  return out << test_case.name;
}

/// The positions that a word of digits may be read as.
using Readings = std::map<std::string, std::set<std::int64_t>>;

std::string word_of(std::int64_t value, std::int64_t base) {
  std::string word;
  for (; value > 0 || word.empty(); value /= base)
    word.insert(word.begin(), static_cast<char>('0' + value % base));
  return word;
}

Readings of_line(std::int64_t side, std::int64_t base) {
  Readings readings;
  for (std::int64_t number = 0; number < side; ++number)
    readings[word_of(number, base)].insert(number);
  return readings;
}

Readings of_square(std::int64_t side, std::int64_t base) {
  Readings readings;
  const std::size_t longest = word_of(side - 1, base).size();
  for (std::int64_t row = 1; row < side; ++row) {
    for (std::int64_t column = 0; column < side; ++column) {
      for (std::string word = word_of(column, base); word.size() <= longest; word = "0" + word)
        readings[word_of(row, base) + word].insert(row * side + column);
    }
  }
  for (std::int64_t digit = 0; digit < std::min(side, base); ++digit)
    readings[word_of(digit, base)] = {digit, digit * side};
  return readings;
}

/// What one edit makes of a word.
std::set<std::string> edits_of(const std::string& word, std::int64_t base) {
  std::set<std::string> all;
  for (std::size_t i = 0; i <= word.size(); ++i) {
    for (std::int64_t value = 0; value < base; ++value) {
      const auto digit = static_cast<char>('0' + value);
      all.insert(word.substr(0, i) + digit + word.substr(i));
      if (i < word.size()) all.insert(word.substr(0, i) + digit + word.substr(i + 1));
    }
    if (i < word.size()) all.insert(word.substr(0, i) + word.substr(i + 1));
    for (std::size_t j = 0; j < i && i < word.size(); ++j) {
      std::string swapped = word;
      std::swap(swapped[i], swapped[j]);
      all.insert(swapped);
    }
  }
  all.erase(word);
  return all;
}

class DigitEditsTest : public testing::TestWithParam<Case> {};

TEST_P(DigitEditsTest, DrawsEveryPositionUpToThreeEditsAwayAndNoOther) {
  const Case& given = GetParam();
  const PositionSpace space(given.max_position, given.dimensions);
  const Readings readings = given.dimensions == 1 ? of_line(space.side(), given.base)
                                                  : of_square(space.side(), given.base);
  std::set<std::int64_t> reachable;
  std::set<std::string> last{given.word};
  for (int edits = 0; edits < 3; ++edits) {
    std::set<std::string> next;
    for (const std::string& word : last) {
      for (const std::string& edited : edits_of(word, given.base)) {
        if (readings.contains(edited)) next.insert(edited);
      }
    }
    if (given.dimensions > 1) next.erase(given.word);
    for (const std::string& word : next)
      reachable.insert(readings.at(word).begin(), readings.at(word).end());
    last = next;
  }
  const DigitEdits edits(space, given.base);
  PhiloxGenerator random({.seed = 3});
  std::set<std::int64_t> drawn;
  for (int i = 0; i < 200'000; ++i) drawn.insert(edits.edited(given.number, random));
  EXPECT_EQ(drawn, reachable);
}

INSTANTIATE_TEST_SUITE_P(Spaces, DigitEditsTest,
                         testing::Values(Case{"line", 250, 1, 10, 104, "104"},
                                         Case{"zero_of_a_line", 250, 1, 10, 0, "0"},
                                         Case{"line_in_base_3", 50, 1, 3, 31, "1011"},
                                         Case{"square_of_side_12", 150, 2, 10, 12 * 10 + 7, "107"},
                                         Case{"first_row_of_side_12", 150, 2, 10, 7, "7"},
                                         Case{"corner_of_side_11", 121, 2, 10, 120, "1010"},
                                         Case{"square_in_base_3", 36, 2, 3, 6 * 3 + 5, "1012"}),
                         testing::PrintToStringParamName());

TEST(DigitEdits, EachPlaceToSplitIsAsLikely) {
  const PositionSpace square(10000, 2);
  const DigitEdits edits(square, 10);
  PhiloxGenerator random({.seed = 5});
  std::map<std::int64_t, int> times;
  for (int i = 0; i < 400'000; ++i) ++times[edits.edited(703, random)];
  // 703 is (7, 3), so 73: with 5 put between, 753, which is (7, 53) or (75, 3).
  const double scatter = 5 * std::sqrt(2.0 * times[753]);
  EXPECT_GT(times[753], 500);
  EXPECT_NEAR(times[753], times[7503], scatter);
}

}  // namespace
}  // namespace seqpe::models
