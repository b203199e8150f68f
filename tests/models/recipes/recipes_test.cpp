#include "models/recipes/recipes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::models {
namespace {

TEST(Recipes, AreFoundByTheirNames) {
  const auto names = recipe_names();
  EXPECT_EQ(std::count(names.begin(), names.end(), "quickstart_lm"), 1);
  for (const std::string& name : names) {
    ASSERT_TRUE(find_recipe(name).has_value()) << name;
    EXPECT_FALSE(find_recipe(name)->empty()) << name;
  }
  EXPECT_FALSE(find_recipe("").has_value());
  EXPECT_FALSE(find_recipe("quickstart_lm.yaml").has_value()) << "a name, not a file";
}

TEST(ReadData, EmbeddedTextsAndFiles) {
  EXPECT_GT(read_data("builtin:tale_of_two_cities.txt").size(), 10000u);
  const test::TemporaryDirectory folder;
  EXPECT_EQ(read_data(folder.write("text.txt", "words")), "words");
}

TEST(ReadData, Errors) {
  const test::TemporaryDirectory folder;
  const auto empty = folder.write("empty.txt", "").string();
  const auto missing = (folder / "missing.txt").string();
  const std::pair<std::string, std::string> cases[] = {
      {"builtin:nothing", "[data] there is no embedded text 'builtin:nothing'."},
      {empty, "[data] " + empty + " must hold text, it is empty."},
      {missing, "[file] cannot read " + missing + ": No such file or directory."}};
  for (const auto& one : cases) {
    test::expect_error<DataError>([&] { read_data(one.first); }, one.second);
  }
}

}  // namespace
}  // namespace seqpe::models
