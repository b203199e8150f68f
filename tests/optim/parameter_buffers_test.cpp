#include "engine/optim/parameter_buffers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "engine/autograd/backward.h"
#include "engine/ops/elementwise.h"
#include "kernels/adamw.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_tensor.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::optim {
namespace {

nn::Parameter parameter(const std::string& name, const Shape& shape, std::uint64_t seed,
                        bool decay = true, const std::string& group = "model") {
  Tensor value = test::random_tensor(shape, seed);
  value.set_requires_grad();
  return {name, value, group, decay};
}

/// Gives the parameter this gradient by a backward pass, as training does.
void give_gradient(const nn::Parameter& parameter, const Tensor& gradient) {
  autograd::backward(ops::scale(parameter.value, 1.0), gradient);
}

double* at(const Tensor& tensor) {
  return tensor.data_as<double>();
}

Tensor number(double value) {
  return Tensor::full({1}, value, DType::f64);
}

/// Of an update, the first one being number 1.
Tensor rates(double learning_rate, const AdamOptions& adam = {}, int step = 1) {
  const auto rates = kernels::adamw_rates(learning_rate, adam.beta1, adam.beta2, step);
  return Tensor::from<double>({3}, {rates[0], rates[1], rates[2]});
}

double norm_of(const ParameterGroup& group) {
  const Tensor squares = number(0.0);
  group.sum_squares(squares);
  return std::sqrt(squares.item());
}

TEST(ParameterGroup, DecayedParametersLieFirstInOnePiece) {
  const std::vector<nn::Parameter> parameters{
      parameter("a.bias", {2}, 1, false), parameter("a.weight", {2, 3}, 2),
      parameter("b.bias", {1}, 3, false), parameter("b.weight", {4}, 4)};
  std::vector<std::vector<double>> before;
  for (const auto& one : parameters) before.push_back(test::elements<double>(one.value));
  const ParameterGroup group("model", parameters);
  EXPECT_EQ(group.size(), 13);
  EXPECT_EQ(group.name(), "model");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_EQ(test::elements<double>(parameters[i].value), before[i]) << "values are kept";
  }
  EXPECT_EQ(parameters[1].value.shape(), (Shape{2, 3}));
  const double* first = at(parameters[1].value);
  EXPECT_EQ(at(parameters[3].value), first + 6);
  EXPECT_EQ(at(parameters[0].value), first + 10);
  EXPECT_EQ(at(parameters[2].value), first + 12);
  for (const auto& one : parameters) {
    give_gradient(one, Tensor::full(one.value.shape(), 1.0, DType::f64));
  }
  const double* gradient = at(parameters[1].value.grad());
  EXPECT_EQ(at(parameters[3].value.grad()), gradient + 6);
  EXPECT_EQ(at(parameters[2].value.grad()), gradient + 12);
}

TEST(ParameterGroup, MomentsAreNamedAndShared) {
  const std::vector<nn::Parameter> parameters{parameter("b", {2}, 1, false),
                                              parameter("w", {2, 3}, 2)};
  ParameterGroup group("model", parameters);
  const auto moments = group.by_name(group.m(), group.v());
  std::vector<std::string> names;
  for (const auto& [name, moment] : moments) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"m.w", "v.w", "m.b", "v.b"}));
  EXPECT_EQ(moments[0].second.shape(), (Shape{2, 3}));
  // A moment that a checkpoint puts there acts in the next update: m = 0.5 * 2 with gradient 0.
  moments[2].second.fill(2.0);
  group.clear_gradients();
  group.complete_gradients();
  const double before = at(parameters[0].value)[1];
  const AdamOptions adam{.beta1 = 0.5, .beta2 = 0.5, .eps = 1.0};
  group.update(rates(0.1, adam), 0.0, adam, number(1.0));
  EXPECT_NEAR(at(parameters[0].value)[1], before - 0.1 * (1.0 / 0.5), 1e-15);
  EXPECT_EQ(at(moments[2].second)[1], 1.0);
}

TEST(ParameterGroup, GradientsAddUpAndClear) {
  const std::vector<nn::Parameter> parameters{parameter("a", {2}, 1), parameter("b", {2}, 2)};
  const ParameterGroup group("model", parameters);
  const Tensor one = Tensor::from<double>({2}, {3, 0}), other = Tensor::from<double>({2}, {0, 4});
  give_gradient(parameters[0], one);
  give_gradient(parameters[1], other);
  EXPECT_DOUBLE_EQ(norm_of(group), 5.0);
  give_gradient(parameters[0], one);
  give_gradient(parameters[1], other);
  EXPECT_DOUBLE_EQ(norm_of(group), 10.0);
  group.clear_gradients();
  EXPECT_FALSE(parameters[0].value.grad().defined());
  give_gradient(parameters[0], one);
  group.complete_gradients();
  EXPECT_DOUBLE_EQ(norm_of(group), 3.0) << "b, which no backward reached, counts as zero";
}

/// AdamW (Loshchilov and Hutter, 2019) of one number.
struct ScalarAdamW {
  double value, m = 0, v = 0;
  void update(double gradient, double rate, double decay, const AdamOptions& adam, int step) {
    value -= rate * decay * value;
    m = adam.beta1 * m + (1 - adam.beta1) * gradient;
    v = adam.beta2 * v + (1 - adam.beta2) * gradient * gradient;
    const double m_hat = m / (1 - std::pow(adam.beta1, step));
    const double v_hat = v / (1 - std::pow(adam.beta2, step));
    value -= rate * m_hat / (std::sqrt(v_hat) + adam.eps);
  }
};

TEST(ParameterGroup, UpdatesAreAdamW) {
  const AdamOptions adam{.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3};
  std::vector<nn::Parameter> parameters{parameter("bias", {3}, 1, false),
                                        parameter("weight", {2, 2}, 2)};
  std::map<std::string, std::vector<ScalarAdamW>> expected;
  for (const auto& one : parameters) {
    for (const double value : one.value.span<double>()) expected[one.name].push_back({value});
  }
  ParameterGroup group("model", parameters);
  for (int step = 1; step <= 5; ++step) {
    const double rate = 0.1 / step, scale = step == 3 ? 0.25 : 1.0;
    group.clear_gradients();
    for (const auto& one : parameters) {
      const Tensor gradient =
          test::random_tensor(one.value.shape(), 10 * static_cast<std::uint64_t>(step));
      give_gradient(one, gradient);
      for (std::size_t i = 0; i < expected[one.name].size(); ++i) {
        expected[one.name][i].update(scale * at(gradient)[i], rate, one.decay ? 0.3 : 0.0, adam,
                                     step);
      }
    }
    group.update(rates(rate, adam, step), 0.3, adam, number(scale));
    for (const auto& one : parameters) {
      for (std::size_t i = 0; i < expected[one.name].size(); ++i) {
        EXPECT_NEAR(at(one.value)[i], expected[one.name][i].value, 1e-14)
            << one.name << " " << i << ", step " << step;
      }
    }
  }
}

TEST(ParameterGroup, AScaleThatIsNoNumberUpdatesNothing) {
  const std::vector<nn::Parameter> parameters{parameter("a", {2}, 1)};
  ParameterGroup group("model", parameters);
  give_gradient(parameters[0], Tensor::from<double>({2}, {1, 2}));
  const auto before = test::elements<double>(parameters[0].value);
  group.update(rates(0.5), 0.0, {}, number(std::nan("")));
  EXPECT_EQ(test::elements<double>(parameters[0].value), before);
  for (const auto& [name, moment] : group.by_name(group.m(), group.v()))
    EXPECT_EQ(test::elements<double>(moment), std::vector<double>(2, 0.0)) << name;
}

TEST(ParameterGroup, OnlyExemptOrOnlyDecayedParameters) {
  for (const bool decay : {true, false}) {
    const std::vector<nn::Parameter> parameters{parameter("a", {2}, 1, decay)};
    ParameterGroup group("model", parameters);
    group.complete_gradients();
    const double before = at(parameters[0].value)[0];
    group.update(rates(0.5), 0.5, {}, number(1.0));
    EXPECT_DOUBLE_EQ(at(parameters[0].value)[0], decay ? 0.75 * before : before);
  }
}

// bf16 has no number between 1 and 1 + 2^-7: steps of 2^-9 would be lost if they were taken in it.
TEST(ParameterGroup, InMixedPrecisionTheModelSeesRoundedValues) {
  Tensor value = Tensor::from<float>({2}, {1.0f, 1.0f + 0x1p-8f - 0x1p-9f});
  value.set_requires_grad();
  const nn::Parameter one{"one", value, "model", false};
  ParameterGroup group("model", {one}, DType::bf16);
  EXPECT_EQ(value.dtype(), DType::bf16);
  EXPECT_EQ(one.master().dtype(), DType::f32);
  EXPECT_EQ(test::elements<float>(one.master()),
            (std::vector<float>{1.0f, 1.0f + 0x1p-8f - 0x1p-9f}));
  autograd::backward(ops::scale(value, 1.0), Tensor::full({2}, -1.0, DType::bf16));
  EXPECT_EQ(value.grad().dtype(), DType::f32);
  const AdamOptions adam{.beta1 = 0, .beta2 = 0, .eps = 0};
  group.update(rates(0x1p-9, adam), 0.0, adam, number(1.0));
  EXPECT_EQ(test::elements<float>(one.master()),
            (std::vector<float>{1.0f + 0x1p-9f, 1.0f + 0x1p-8f}));
  EXPECT_EQ(test::elements<double>(value.to(DType::f64)), (std::vector<double>{1.0, 1.0}));
  one.master().fill(3.0);
  group.round_values();
  EXPECT_EQ(test::elements<double>(value.to(DType::f64)), (std::vector<double>{3.0, 3.0}));
}

TEST(ParameterGroup, InMixedPrecisionTheModelSeesExemptValuesThemselves) {
  Tensor exempt = Tensor::full({1}, 1.0 + 0x1p-10, DType::f32),
         rounded = Tensor::full({1}, 1.0 + 0x1p-10, DType::f32);
  for (Tensor* value : {&exempt, &rounded}) value->set_requires_grad();
  const nn::Parameter one{"one", exempt, "model", true, false}, two{"two", rounded, "model", true};
  ParameterGroup group("model", {one, two}, DType::bf16);
  EXPECT_EQ(exempt.dtype(), DType::f32);
  EXPECT_EQ(rounded.dtype(), DType::bf16);
  EXPECT_EQ(exempt.item(), 1.0 + 0x1p-10);
  autograd::backward(ops::scale(exempt, 1.0), Tensor::full({1}, -1.0, DType::f32));
  const AdamOptions adam{.beta1 = 0, .beta2 = 0, .eps = 0};
  group.complete_gradients();
  group.update(rates(0x1p-10, adam), 0.0, adam, number(1.0));
  EXPECT_EQ(exempt.item(), 1.0 + 0x1p-9) << "the optimiser writes where the model reads";
  EXPECT_EQ(one.master().data(), exempt.data());
}

TEST(ParameterGroup, Errors) {
  test::expect_error([] { ParameterGroup("encoder", {}); },
                     "[optim] group 'encoder' must have parameters, got none.");
  auto single = parameter("b", {2}, 1);
  single.value = Tensor::zeros({2}).set_requires_grad();
  test::expect_error(
      [&] {
        ParameterGroup("model", {parameter("a", {2}, 1), single});
      },
      "[optim] the parameters of group 'model' must be f64, 'b' is f32.");
}

TEST(MakeGroups, OneAGroupNameInOrderOfAppearance) {
  const std::vector<nn::Parameter> parameters{
      parameter("a", {2}, 1), parameter("e", {3}, 2, true, "encoder"), parameter("b", {4}, 3)};
  const auto groups = make_groups(parameters);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].name(), "model");
  EXPECT_EQ(groups[0].size(), 6);
  EXPECT_EQ(groups[1].name(), "encoder");
  EXPECT_EQ(groups[1].size(), 3);
  // Each group has a norm of its own.
  give_gradient(parameters[0], Tensor::from<double>({2}, {30, 40}));
  give_gradient(parameters[1], Tensor::from<double>({3}, {0, 0.5, 0}));
  for (const auto& group : groups) group.complete_gradients();
  EXPECT_DOUBLE_EQ(norm_of(groups[0]), 50.0);
  EXPECT_DOUBLE_EQ(norm_of(groups[1]), 0.5);
  EXPECT_TRUE(make_groups({}).empty());
}

}  // namespace
}  // namespace seqpe::optim
