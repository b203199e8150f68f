#include "engine/ops/loss.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/scalar.h"

namespace seqpe::ops {
namespace {

/// Null for an undefined tensor.
const double* number_at(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_as<double>() : nullptr;
}

void check_number(const char* what, const Tensor& tensor, const Tensor& first) {
  require(tensor.defined() && tensor.numel() == 1 && tensor.dtype() == DType::f64,
          "[weighted_sum] a {} must be one f64 number, got {}.", what,
          tensor.defined()
              ? fmt::format("{} {}", name_of(tensor.dtype()), to_string(tensor.shape()))
              : "an undefined tensor");
  check_same_kind("weighted_sum", fmt::format("a {}", what).c_str(), tensor, "the first loss",
                  first);
}

struct WeightedSumNode final : autograd::Node {
  std::vector<double> weights;
  std::vector<Tensor> factors;

  void backward() override {
    const Tensor grad_out = grad_output();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const auto target = grad_target(i);
      if (!target) continue;
      kernels::weighted_sum(grad_out.context(), {.out = target.grad.data_as<double>(),
                                                 .write = target.write,
                                                 .count = 1,
                                                 .terms = {grad_out.data_as<double>()},
                                                 .weights = {weights[i]},
                                                 .factors = {number_at(factors[i])}});
    }
  }
};

}  // namespace

Tensor weighted_sum(const std::vector<WeightedLoss>& losses) {
  constexpr auto kMost = static_cast<std::size_t>(kernels::WeightedSumArgs::kMostTerms);
  require(!losses.empty() && losses.size() <= kMost,
          "[weighted_sum] there must be 1 to {} losses, got {}.", kMost, losses.size());
  const Tensor& first = losses[0].loss;
  kernels::WeightedSumArgs args{.count = static_cast<int>(losses.size())};
  std::vector<Tensor> inputs, factors;
  std::vector<double> weights;
  for (const auto& [loss, weight, factor] : losses) {
    check_number("loss", loss, first);
    if (factor.defined()) check_number("factor", factor, first);
    args.terms[inputs.size()] = loss.data_as<double>();
    args.weights[inputs.size()] = weight;
    args.factors[inputs.size()] = number_at(factor);
    inputs.push_back(loss);
    weights.push_back(weight);
    factors.push_back(factor);
  }
  const Tensor out = Tensor::empty({1}, DType::f64, first.device());
  args.out = out.data_as<double>();
  kernels::weighted_sum(first.context(), args);
  if (const auto node = autograd::record<WeightedSumNode>(inputs, {out})) {
    node->weights = std::move(weights);
    node->factors = std::move(factors);
  }
  return out;
}

}  // namespace seqpe::ops
