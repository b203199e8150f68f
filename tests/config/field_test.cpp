#include "engine/config/field.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <limits>

namespace seqpe::config {
namespace {

struct Values {
  std::int64_t integer = 5, automatic = 5;
  double number = 0.5, automatic_number = 0.5;
  bool boolean = false;
  std::string text = "before";
  std::vector<std::int64_t> integers{1, 2};
  std::vector<double> numbers{0.5, 0.25};
  std::vector<std::string> names{"a"};
  enum class Colour : std::uint8_t { red, green } colour = Colour::red;
};

std::vector<Field> fields_of(Values& values) {
  return {integer("integer", values.integer, "", 1),
          integer("bounded", values.integer, "", 2, 256),
          number("number", values.number, ""),
          number("share", values.number, "", 0.0, 1.0),
          boolean("boolean", values.boolean, ""),
          text("text", values.text, ""),
          integers("integers", values.integers, ""),
          numbers("numbers", values.numbers, 2, ""),
          names("names", values.names, {"a", "b"}, ""),
          integer_or_auto("integer_or_auto", values.automatic, ""),
          number_or_auto("number_or_auto", values.automatic_number, ""),
          enumeration("colour", values.colour, {"red", "green"}, "")};
}

const Field& find(const std::vector<Field>& fields, const std::string& key) {
  for (const Field& field : fields) {
    if (field.key == key) return field;
  }
  throw std::out_of_range(key);
}

TEST(Field, TypesAreDescribed) {
  Values values;
  const std::vector<Field> fields = fields_of(values);
  const std::pair<const char*, const char*> cases[] = {{"integer", "integer >= 1"},
                                                       {"bounded", "integer from 2 to 256"},
                                                       {"number", "number >= 0"},
                                                       {"share", "number from 0 to 1"},
                                                       {"boolean", "true or false"},
                                                       {"text", "text"},
                                                       {"integers", "list of integers"},
                                                       {"numbers", "list of 2 numbers"},
                                                       {"names", "list of a, b"},
                                                       {"integer_or_auto", "integer >= 1 or auto"},
                                                       {"number_or_auto", "number >= 0 or auto"},
                                                       {"colour", "one of red, green"}};
  for (const auto& [key, type] : cases) EXPECT_EQ(find(fields, key).type, type);
}

TEST(Field, TakesValuesOfItsType) {
  struct Case {
    const char *key, *yaml, *shown;
  };
  for (const Case& c : {Case{"integer", "1", "1"},
                        {"integer", "9223372036854775807", "9223372036854775807"},
                        {"bounded", "2", "2"},
                        {"bounded", "256", "256"},
                        {"number", "0", "0"},
                        {"number", "5e-5", "5e-05"},
                        {"number", "1e300", "1e+300"},
                        {"number", "3", "3"},
                        {"share", "1.0", "1"},
                        {"boolean", "true", "true"},
                        {"boolean", "false", "false"},
                        {"text", "a: b", nullptr},
                        {"text", "plain words", "\"plain words\""},
                        {"text", "\"\"", "\"\""},
                        {"text", "\"line\\nend\\t\\\"quoted\\\" # no comment\"",
                         "\"line\\nend\\t\\\"quoted\\\" # no comment\""},
                        {"integers", "[]", "[]"},
                        {"integers", "[512, -1]", "[512, -1]"},
                        {"numbers", "[0.9, 0.999]", "[0.9, 0.999]"},
                        {"names", "[]", "[]"},
                        {"names", "[b, a]", "[b, a]"},
                        {"integer_or_auto", "auto", "auto"},
                        {"integer_or_auto", "3", "3"},
                        {"number_or_auto", "auto", "auto"},
                        {"number_or_auto", "0", "0"},
                        {"colour", "green", "green"}}) {
    SCOPED_TRACE(std::string(c.key) + ": " + c.yaml);
    Values values, again;
    const std::vector<Field> fields = fields_of(values);
    const Field& field = find(fields, c.key);
    const bool takes = field.set(YAML::Load(c.yaml));
    EXPECT_EQ(takes, c.shown != nullptr);
    if (!takes) continue;
    EXPECT_EQ(field.get(), c.shown);
    const std::vector<Field> others = fields_of(again);
    EXPECT_TRUE(find(others, c.key).set(YAML::Load(field.get())));
    EXPECT_EQ(find(others, c.key).get(), field.get()) << "read back";
  }
}

TEST(Field, RefusesOtherValuesAndKeepsTheOldOne) {
  const std::pair<const char*, std::vector<const char*>> cases[] = {
      {"integer",
       {"0", "-1", "1.0", "1e3", "1x", "x1", "", "~", "[1]", "{a: 1}", "0x10", "\" 1\"",
        "9223372036854775808"}},
      {"bounded", {"1", "257"}},
      {"number", {"-0.1", "nan", "inf", "1e999", "abc", "1,5", "", "[1]"}},
      {"share", {"1.0000001", "-1e-9"}},
      {"boolean", {"True", "yes", "1", "", "[true]"}},
      {"text", {"~", "[a]", "{a: b}", ""}},
      {"integers", {"1", "[1, a]", "[1.5]", "[[1]]", "{a: 1}"}},
      {"numbers", {"[1]", "[1, 2, 3]", "[1, a]", "0.5"}},
      {"names", {"a", "[a, c]", "[[a]]"}},
      {"integer_or_auto", {"0", "-1", "Auto", "1.5", "[auto]"}},
      {"number_or_auto", {"-1", "automatic", "nan"}},
      {"colour", {"blue", "0", "Red", "[red]", ""}}};
  for (const auto& [key, yamls] : cases) {
    for (const char* yaml : yamls) {
      Values values;
      const std::vector<Field> fields = fields_of(values);
      const std::string before = find(fields, key).get();
      EXPECT_FALSE(find(fields, key).set(YAML::Load(yaml))) << key << ": " << yaml;
      EXPECT_EQ(find(fields, key).get(), before) << key << ": " << yaml;
    }
  }
}

TEST(Field, NumbersReadBackEqual) {
  for (const double exact : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.125}) {
    Values values;
    values.number = exact;
    const std::vector<Field> fields = fields_of(values);
    const std::string shown = find(fields, "number").get();
    values.number = 0;
    EXPECT_TRUE(find(fields, "number").set(YAML::Load(shown))) << shown;
    EXPECT_EQ(values.number, exact) << shown;
  }
}

TEST(Field, WordsStandForTheirVariables) {
  Values values;
  const std::vector<Field> fields = fields_of(values);
  EXPECT_TRUE(find(fields, "integer_or_auto").set(YAML::Load("auto")));
  EXPECT_EQ(values.automatic, 0);
  EXPECT_TRUE(find(fields, "number_or_auto").set(YAML::Load("auto")));
  EXPECT_LT(values.automatic_number, 0);
  EXPECT_TRUE(find(fields, "colour").set(YAML::Load("green")));
  EXPECT_EQ(values.colour, Values::Colour::green);
}

}  // namespace
}  // namespace seqpe::config
