// The small layers: each owns its parameters and calls one op.
#pragma once

#include <cstdint>

#include "engine/nn/module.h"
#include "engine/ops/linear.h"
#include "engine/ops/residual_layer_norm.h"
#include "kernels/common/philox.h"

namespace seqpe::nn {

class Linear final : public Module {
 public:
  struct Options {
    std::int64_t in = 0;
    std::int64_t out = 0;
    ops::WeightLayout layout = ops::WeightLayout::in_out;
    double init_std = 0.02;
    DType dtype = DType::f32;
  };
  explicit Linear(const Options& options);

  /// activation(x W + bias): [..., in] -> [..., out].
  Tensor forward(const Tensor& x, ops::Activation activation = ops::Activation::none) const;
  /// Outputs [begin, begin + count) alone.
  Tensor forward_columns(const Tensor& x, std::int64_t begin, std::int64_t count) const;

 private:
  ops::WeightLayout layout_;
  Tensor weight_, bias_;
};

class Dropout;

class LayerNorm final : public Module {
 public:
  LayerNorm(std::int64_t width, double eps, DType dtype);
  Tensor forward(const Tensor& x) const;
  /// residual + dropout(branch), and that normalised, in one pass over memory.
  ops::ResidualLayerNorm forward_sum(const Tensor& residual, const Tensor& branch,
                                     const Dropout& dropout, const Pass& pass) const;

 private:
  double eps_;
  Tensor weight_, bias_;
};

class Embedding final : public Module {
 public:
  Embedding(std::int64_t rows, std::int64_t width, double init_std, DType dtype);
  /// indices i64 [...] -> [..., width].
  Tensor forward(const Tensor& indices) const;
  const Tensor& weight() const { return weight_; }

 private:
  Tensor weight_;
};

class Dropout final : public Module {
 public:
  /// What is dropped or kept at once: an element of x, or all elements of a sequence (a row of the
  /// leading dimension).
  enum class Unit : std::uint8_t { element, sequence };
  explicit Dropout(double probability, Unit unit = Unit::element)
      : probability_(probability), unit_(unit) {}
  /// x * keep / (1 - p) in training, x otherwise. Rows of x are counted along its leading
  /// dimension.
  Tensor forward(const Tensor& x, const Pass& pass) const;
  /// residual + dropout(x) in one pass over memory.
  Tensor add_to(const Tensor& residual, const Tensor& x, const Pass& pass) const;
  /// 0 outside training.
  double probability(const Pass& pass) const { return pass.training ? probability_ : 0.0; }
  /// Which elements of x are dropped in `pass`, for ops that drop on their way: none outside
  /// training.
  ops::DropoutDraw draw(const Tensor& x, const Pass& pass) const;
  /// The random stream of this module in `pass`, for ops that drop inside.
  PhiloxKey key(const Pass& pass) const;

 private:
  void on_renamed() override;
  double probability_;
  Unit unit_;
  std::uint32_t stream_ = 0;
};

}  // namespace seqpe::nn
