#include "engine/data/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace seqpe::data {
namespace {

TEST(Utf8, LengthOfWhatIsValid) {
  EXPECT_EQ(utf8_length("ab"), 1u);
  EXPECT_EQ(utf8_length("\xC3\xA9"), 2u);
  EXPECT_EQ(utf8_length("\xE2\x82\xAC..."), 3u);
  EXPECT_EQ(utf8_length("\xF4\x8F\xBF\xBF"), 4u) << "the largest code point, 10FFFF";
  EXPECT_EQ(utf8_length(std::string(1, '\0')), 1u);
}

TEST(Utf8, WhatIsNotValidHasNone) {
  for (const char* text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3\x61", "\xE0\x9F\xBF", "\xE2\x82",
        "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(utf8_length(text), 0u) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace seqpe::data
