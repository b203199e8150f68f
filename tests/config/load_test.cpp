#include "engine/config/load.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/expect_error.h"

namespace seqpe::config {
namespace {

struct Values {
  std::int64_t steps = 1, layers = 2;
  double rate = 0.5;
  std::string path = "none";
  std::vector<std::int64_t> lengths;
  bool verbose = false;
};

class LoadTest : public testing::Test {
 protected:
  void load(const std::string& text, const std::string& name = "main.yaml") {
    config::load({name, text}, fields_, [this](const std::string& wanted, const std::string& from) {
      asked_.push_back(from + " -> " + wanted);
      const auto found = files_.find(wanted);
      return found == files_.end() ? std::nullopt : std::optional<Source>({wanted, found->second});
    });
  }
  void expect_refused(const std::string& text, const std::string& message) {
    test::expect_error<ConfigError>([&] { load(text); }, message);
  }

  Values values_;
  std::vector<Field> fields_{integer("train.steps", values_.steps, "", 1),
                             number("train.rate", values_.rate, "", 0.0, 1.0),
                             integer("model.inner.layers", values_.layers, "", 1),
                             text("data.path", values_.path, ""),
                             integers("data.lengths", values_.lengths, ""),
                             boolean("verbose", values_.verbose, "")};
  std::map<std::string, std::string> files_;
  std::vector<std::string> asked_;
};

TEST_F(LoadTest, SetsWhatIsNamedAndLeavesTheRest) {
  load("format_version: 1\ntrain:\n  steps: 7\nmodel: {inner: {layers: 3}}\nverbose: true\n");
  EXPECT_EQ(values_.steps, 7);
  EXPECT_EQ(values_.layers, 3);
  EXPECT_TRUE(values_.verbose);
  EXPECT_EQ(values_.rate, 0.5);
  for (const char* nothing : {"", "# only a comment\n", "---\n", "~"})
    EXPECT_NO_THROW(load(nothing));
}

TEST_F(LoadTest, LaterOverEarlier) {
  load("train: {steps: 7, rate: 0.25}");
  load("train: {steps: 8}");
  EXPECT_EQ(values_.steps, 8);
  EXPECT_EQ(values_.rate, 0.25);
  set("train.steps=9", fields_);
  EXPECT_EQ(values_.steps, 9);
}

TEST_F(LoadTest, RefusalsNameFileLineAndNearestKey) {
  expect_refused("train:\n  step: 3\n",
                 "[config] unknown key 'train.step' (main.yaml:2). Did you mean 'train.steps'?");
  expect_refused("\n\ntrian: {steps: 3}\n",
                 "[config] unknown key 'trian' (main.yaml:3). Did you mean 'train'?");
  expect_refused("train:\n  rate: 0.5\n  steps: many\n",
                 "[config] train.steps: expected integer >= 1, got \"many\" (main.yaml:3).");
  expect_refused("train: {rate: [1, 2]}",
                 "[config] train.rate: expected number from 0 to 1, got [1, 2] (main.yaml:1).");
  expect_refused("model:\n  inner: 3\n",
                 "[config] model.inner: expected a section of keys, got \"3\" (main.yaml:2).");
}

TEST_F(LoadTest, DuplicateKeys) {
  expect_refused("train:\n  steps: 1\n  rate: 0.1\n  steps: 2\n",
                 "[config] main.yaml:4: the key 'train.steps' occurs twice.");
  expect_refused("train: {steps: 1}\nverbose: true\ntrain: {rate: 0.1}\n",
                 "[config] main.yaml:3: the key 'train' occurs twice.");
  expect_refused("train: {steps: 1}\ntrain.steps: 2\n",
                 "[config] main.yaml:2: the key 'train.steps' occurs twice.");
}

TEST_F(LoadTest, MalformedTexts) {
  expect_refused("- 1\n- 2\n", "[config] main.yaml: must be a map of sections, got a list.");
  expect_refused("just words",
                 "[config] main.yaml: must be a map of sections, got \"just words\".");
  expect_refused("verbose: true\n---\nverbose: false\n",
                 "[config] main.yaml: must be one document, has 2.");
  expect_refused("format_version: 2\n",
                 "[config] main.yaml: format_version must be 1, got \"2\". Hint: a newer "
                 "seqpe_engine wrote it.");
  const std::string parser = test::error_of<ConfigError>([&] { load("a: 1\nb: [1, 2\n"); });
  EXPECT_TRUE(parser.starts_with("[config] main.yaml:3: ")) << parser;
}

TEST_F(LoadTest, OversizeAndDeepTexts) {
  expect_refused(std::string((1 << 20) + 1, ' '),
                 "[config] main.yaml: must be at most 1048576 bytes, has 1048577.");
  std::string indented = "model:\n";
  for (std::size_t level = 1; level < 1200; ++level) indented += std::string(level, ' ') + "x:\n";
  const std::string open(500000, '[');
  for (const std::string& text : {indented, open, "a: " + std::string(500000, '{'),
                                  "# " + std::string(1000, ']') + "\na: " + open}) {
    const std::string message = test::error_of<ConfigError>([&] { load(text); });
    EXPECT_TRUE(message.starts_with("[config] main.yaml:")) << message.substr(0, 200);
    EXPECT_NE(message.find(": nested deeper than "), std::string::npos) << message.substr(0, 200);
  }
  std::string dashes = "model: ";
  for (int level = 0; level < 100000; ++level) dashes += "- ";
  expect_refused(dashes, "[config] main.yaml:1: illegal block entry.");
}

TEST_F(LoadTest, BracketsInTextsAndCommentsAreNotNesting) {
  const std::string brackets(1000, '[');
  load("# " + brackets + "\ndata: {path: '" + brackets + "'} # {\n");
  EXPECT_EQ(values_.path, brackets);
  set("data.path=\"" + brackets + "\"", fields_);
  EXPECT_EQ(values_.path, brackets);
}

TEST_F(LoadTest, SharedNodesAndKeysThatAreNoWords) {
  load("model: {inner: &shared {layers: 4}}");
  EXPECT_EQ(values_.layers, 4);
  expect_refused("model: &loop {inner: *loop}",
                 "[config] unknown key 'model.inner.inner' (main.yaml:1). Did you mean "
                 "'model.inner.layers'?");
  expect_refused(
      "? [a, b]\n: 1\n",
      "[config] unknown key '?' (main.yaml:1). Hint: `seqpe_engine config keys` lists all.");
}

TEST_F(LoadTest, IncludeComesFirst) {
  files_["base"] = "include: deeper\ntrain: {steps: 7, rate: 0.25}";
  files_["deeper"] = "train: {steps: 6}\nmodel: {inner: {layers: 9}}";
  load("train: {steps: 8}\ninclude: base\n");
  EXPECT_EQ(values_.steps, 8) << "over the included file wherever `include` stands";
  EXPECT_EQ(values_.rate, 0.25);
  EXPECT_EQ(values_.layers, 9);
  EXPECT_EQ(asked_, (std::vector<std::string>{"main.yaml -> base", "base -> deeper"}));
}

TEST_F(LoadTest, IncludesAreRefused) {
  expect_refused("\ninclude: nowhere\n",
                 "[config] include: there is no file or recipe 'nowhere' (main.yaml:2).");
  expect_refused("include: [a, b]", "[config] include: expected a name, got [a, b] (main.yaml:1).");
  files_["a"] = "include: b";
  files_["b"] = "include: a";
  expect_refused("include: a", "[config] b: includes are nested deeper than 16 (a circle?).");
  files_["a"] = "verbose: true\ntrain: {steps: 0}";
  expect_refused("include: a", "[config] train.steps: expected integer >= 1, got \"0\" (a:2).");
}

TEST_F(LoadTest, IncludesOfTheAllowedDepth) {
  // The main text and 15 included ones.
  for (int i = 1; i < 15; ++i) files_[std::to_string(i)] = "include: " + std::to_string(i + 1);
  files_["15"] = "train: {steps: 15}";
  load("include: 1");
  EXPECT_EQ(values_.steps, 15);
}

TEST_F(LoadTest, Set) {
  set("data.lengths=[512, 1024]", fields_);
  EXPECT_EQ(values_.lengths, (std::vector<std::int64_t>{512, 1024}));
  set("data.path=a=b", fields_);
  EXPECT_EQ(values_.path, "a=b");
  set("data.path=", fields_);
  EXPECT_EQ(values_.path, "");
  set("data.path=\"\"", fields_);
  EXPECT_EQ(values_.path, "");
  const std::pair<const char*, const char*> cases[] = {
      {"train.steps", "[config] --set must be KEY=VALUE, got 'train.steps'."},
      {"=3", "[config] --set must be KEY=VALUE, got '=3'."},
      {"train.step=3", "[config] unknown key 'train.step' (--set). Did you mean 'train.steps'?"},
      {"train.steps=0", "[config] train.steps: expected integer >= 1, got \"0\" (--set)."},
      {"train={steps: 3}", "[config] 'train' is a section (--set): one of its keys must be set."}};
  for (const auto& one : cases) {
    test::expect_error<ConfigError>([&] { set(one.first, fields_); }, one.second);
  }
}

TEST_F(LoadTest, DumpNestsSectionsAndReadsBack) {
  EXPECT_EQ(dump(fields_),
            "format_version: 1\n"
            "train:\n  steps: 1\n  rate: 0.5\n"
            "model:\n  inner:\n    layers: 2\n"
            "data:\n  path: \"none\"\n  lengths: []\n"
            "verbose: false\n");
  load(
      "train: {steps: 77, rate: 0.1}\nmodel: {inner: {layers: 5}}\nverbose: true\n"
      "data: {path: \"a \\\"b\\\": #c\\n\\u00e9\", lengths: [1, 2]}\n");
  const std::string dumped = dump(fields_);
  const std::string path = values_.path;
  values_ = {};
  load(dumped);
  EXPECT_EQ(dump(fields_), dumped);
  EXPECT_EQ(values_.path, path);
  EXPECT_EQ(values_.steps, 77);
}

TEST(DidYouMean, FewestEditsButNotAnyNumberOfThem) {
  const std::vector<std::string> words{"steps", "stride", "seed"};
  EXPECT_EQ(did_you_mean("step", words), " Did you mean 'steps'?");
  EXPECT_EQ(did_you_mean("strides", words), " Did you mean 'stride'?");
  EXPECT_EQ(did_you_mean("sed", words), " Did you mean 'seed'?");
  EXPECT_EQ(did_you_mean("seed", words), " Did you mean 'seed'?");
  EXPECT_EQ(did_you_mean("", {"ab", "a"}), " Did you mean 'a'?");
  EXPECT_EQ(did_you_mean("lr", words), "");
  EXPECT_EQ(did_you_mean("x", {}), "");
}

}  // namespace
}  // namespace seqpe::config
