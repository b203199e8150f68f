#include "engine/nn/module.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::nn {
namespace {

class Leaf final : public Module {
 public:
  explicit Leaf(std::int64_t width) {
    add_parameter("weight", {width}, DType::f64, Init::normal(1.0));
    add_parameter("bias", {1}, DType::f64, Init::ones());
  }
  std::vector<std::string> renamed;

 private:
  void on_renamed() override { renamed.push_back(name()); }
};

class Tree final : public Module {
 public:
  explicit Tree(bool swapped = false) {
    add_child(swapped ? "second" : "first", swapped ? second : first);
    add_parameter("scale", {2, 2}, DType::f64, Init::normal(1.0));
    add_child(swapped ? "first" : "second", swapped ? first : second);
  }
  Leaf first{3}, second{3};
};

TEST(Module, ParametersInOrderOfRegistrationOwnOnesFirst) {
  Tree tree;
  tree.set_name("");
  EXPECT_EQ(test::names_of(tree), (std::vector<std::string>{"scale", "first.weight", "first.bias",
                                                            "second.weight", "second.bias"}));
  tree.set_name("model.h.0");
  EXPECT_EQ(test::names_of(tree)[1], "model.h.0.first.weight");
  EXPECT_EQ(test::names_of(tree.first)[0], "model.h.0.first.weight");
  EXPECT_EQ(tree.second.name(), "model.h.0.second");
  EXPECT_EQ(tree.first.renamed, (std::vector<std::string>{"first", "model.h.0.first"}));
  EXPECT_EQ(tree.parameter_count(), 12);
  for (const Parameter& parameter : tree.parameters()) {
    EXPECT_TRUE(parameter.value.requires_grad()) << parameter.name;
    EXPECT_EQ(parameter.group, "model");
  }
}

TEST(Module, ParameterByName) {
  Tree tree;
  tree.set_name("");
  tree.parameter("second.bias").fill(7);
  EXPECT_EQ(tree.second.parameter("second.bias").item(), 7) << "a handle, not a copy";
  for (const std::string name : {"bias", "second", "second.bias.", ""}) {
    test::expect_error([&] { tree.parameter(name); },
                       fmt::format("[module] no parameter is called '{}'.", name));
  }
}

TEST(Module, InitializationDependsOnSeedAndFullNameOnly) {
  Tree tree, swapped(true), elsewhere;
  tree.set_name("");
  swapped.set_name("");
  elsewhere.set_name("other");
  for (const Tree* one : {&tree, &swapped, &elsewhere}) one->initialize(5);
  const auto value = [](const Tree& one, const std::string& name) {
    return test::elements<double>(one.parameter(name));
  };
  for (const std::string& name : test::names_of(tree))
    EXPECT_EQ(value(tree, name), value(swapped, name));
  EXPECT_NE(value(tree, "first.weight"), value(tree, "second.weight"));
  EXPECT_NE(value(tree, "first.weight"), value(elsewhere, "other.first.weight"));
  EXPECT_EQ(value(tree, "first.bias"), std::vector<double>{1});
  const auto before = value(tree, "scale");
  tree.initialize(6);
  EXPECT_NE(value(tree, "scale"), before);
  tree.initialize(5);
  EXPECT_EQ(value(tree, "scale"), before);
}

TEST(JoinNames, LeavesOutAnEmptyPrefix) {
  EXPECT_EQ(join_names("", "wte"), "wte");
  EXPECT_EQ(join_names("transformer.h.0", "attn"), "transformer.h.0.attn");
}

}  // namespace
}  // namespace seqpe::nn
