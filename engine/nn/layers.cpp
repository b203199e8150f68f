#include "engine/nn/layers.h"

#include "engine/core/stream_id.h"
#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/layer_norm.h"

namespace seqpe::nn {

Linear::Linear(const Options& options) : layout_(options.layout) {
  const bool in_out = layout_ == ops::WeightLayout::in_out;
  const Shape shape = in_out ? Shape{options.in, options.out} : Shape{options.out, options.in};
  weight_ = add_parameter("weight", shape, options.dtype, Init::normal(options.init_std));
  bias_ = add_parameter("bias", {options.out}, options.dtype, Init::zeros());
}

Tensor Linear::forward(const Tensor& x, ops::Activation activation) const {
  return ops::linear(x, weight_, bias_, layout_, activation);
}

Tensor Linear::forward_columns(const Tensor& x, std::int64_t begin, std::int64_t count) const {
  return ops::linear_columns(x, weight_, bias_, layout_, begin, count);
}

LayerNorm::LayerNorm(std::int64_t width, double eps, DType dtype) : eps_(eps) {
  weight_ = add_parameter("weight", {width}, dtype, Init::ones());
  bias_ = add_parameter("bias", {width}, dtype, Init::zeros());
}

Tensor LayerNorm::forward(const Tensor& x) const {
  return ops::layer_norm(x, weight_, bias_, eps_);
}

ops::ResidualLayerNorm LayerNorm::forward_sum(const Tensor& residual, const Tensor& branch,
                                              const Dropout& dropout, const Pass& pass) const {
  return ops::residual_layer_norm(residual, branch, weight_, bias_, eps_,
                                  dropout.draw(branch, pass));
}

Embedding::Embedding(std::int64_t rows, std::int64_t width, double init_std, DType dtype) {
  weight_ = add_parameter("weight", {rows, width}, dtype, Init::normal(init_std));
}

Tensor Embedding::forward(const Tensor& indices) const {
  return ops::embedding(weight_, indices);
}

Tensor Dropout::forward(const Tensor& x, const Pass& pass) const {
  if (probability(pass) == 0.0) return x;
  return ops::dropout(x, draw(x, pass));
}

Tensor Dropout::add_to(const Tensor& residual, const Tensor& x, const Pass& pass) const {
  if (probability(pass) == 0.0) return ops::add(residual, x);
  return ops::residual_dropout(residual, x, draw(x, pass));
}

ops::DropoutDraw Dropout::draw(const Tensor& x, const Pass& pass) const {
  if (probability(pass) == 0.0) return {};
  ops::DropoutDraw draw{.probability = probability_, .key = key(pass), .step = pass.step_at};
  std::int64_t sequence = x.dim(0) == 0 ? 0 : x.numel() / x.dim(0);  // elements of one
  if (unit_ == Unit::sequence) {
    draw.run = sequence;
    draw.run_stride = 1;
    draw.whole_runs = true;
    draw.first_element = static_cast<std::uint64_t>(pass.first_row);
    return draw;
  }
  std::int64_t before = 0;
  if (pass.tokens > 0 && sequence > 0) {
    const std::int64_t token = sequence / x.dim(1);
    draw.run = sequence;
    draw.run_stride = pass.tokens * token;
    before = pass.first_token * token;
    sequence = draw.run_stride;
  }
  draw.first_element = static_cast<std::uint64_t>(pass.first_row * sequence + before);
  return draw;
}

PhiloxKey Dropout::key(const Pass& pass) const {
  return {pass.seed, stream_, pass.step};
}

void Dropout::on_renamed() {
  stream_ = stream_id(name());
}

}  // namespace seqpe::nn
