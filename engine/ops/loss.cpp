#include "engine/ops/loss.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/scalar.h"

namespace seqpe::ops {
namespace {

struct WeightedSumNode final : autograd::Node {
  std::vector<double> weights;

  void backward() override {
    const Tensor grad_out = grad_output();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const auto target = grad_target(i);
      if (!target) continue;
      kernels::weighted_sum(grad_out.context(), {.out = target.grad.data_as<double>(),
                                                 .write = target.write,
                                                 .count = 1,
                                                 .terms = {grad_out.data_as<double>()},
                                                 .weights = {weights[i]}});
    }
  }
};

}  // namespace

Tensor weighted_sum(const std::vector<std::pair<Tensor, double>>& losses) {
  constexpr auto kMost = static_cast<std::size_t>(kernels::WeightedSumArgs::kMostTerms);
  require(!losses.empty() && losses.size() <= kMost,
          "[weighted_sum] there must be 1 to {} losses, got {}.", kMost, losses.size());
  const Tensor& first = losses[0].first;
  kernels::WeightedSumArgs args{.count = static_cast<int>(losses.size())};
  std::vector<Tensor> inputs;
  std::vector<double> weights;
  for (const auto& [loss, weight] : losses) {
    require(loss.defined() && loss.numel() == 1 && loss.dtype() == DType::f64,
            "[weighted_sum] a loss must be one f64 number, got {}.",
            loss.defined() ? fmt::format("{} {}", name_of(loss.dtype()), to_string(loss.shape()))
                           : "an undefined tensor");
    check_same_kind("weighted_sum", "a loss", loss, "the first", first);
    args.terms[inputs.size()] = loss.data_as<double>();
    args.weights[inputs.size()] = weight;
    inputs.push_back(loss);
    weights.push_back(weight);
  }
  const Tensor out = Tensor::empty({1}, DType::f64, first.device());
  args.out = out.data_as<double>();
  kernels::weighted_sum(first.context(), args);
  if (const auto node = autograd::record<WeightedSumNode>(inputs, {out}))
    node->weights = std::move(weights);
  return out;
}

}  // namespace seqpe::ops
