// Parameters in flat buffers: value, gradient and both Adam moments of a group each lie in one
// piece of memory, so that the optimiser, clipping and checkpoints are one pass over memory. In
// mixed precision the model computes with bf16 copies of the values; gradients add up unrounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/nn/parameter.h"

namespace seqpe::optim {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
};

/// Elements [begin, end) of a flat buffer.
struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

/// One group: parameters with weight decay first, those without behind them.
class ParameterGroup {
 public:
  /// `compute`: bf16 in mixed precision, but for what Parameter::rounded exempts; else the dtype of
  /// the parameters.
  ParameterGroup(std::string name, const std::vector<nn::Parameter>& parameters,
                 std::optional<DType> compute = std::nullopt);

  /// A parameter with its place in the buffers, elements [begin, end).
  struct Slice {
    nn::Parameter parameter;
    std::int64_t begin, end;
  };

  const std::string& name() const { return name_; }
  /// In the order of the buffers.
  const std::vector<Slice>& slices() const { return slices_; }
  /// Of all parameters, flat. In mixed precision the values are the unrounded ones.
  const Tensor& value() const { return value_; }
  const Tensor& gradient() const { return gradient_; }
  std::int64_t size() const { return value_.numel(); }
  Device device() const { return value_.device(); }

  /// Makes the next backward overwrite all gradients.
  void clear_gradients() const;
  /// Parameters that no backward reached have gradient zero.
  void complete_gradients() const;
  /// out = sum of the squares of the gradients: one f64 number on the group's device.
  void sum_squares(const Tensor& out) const;
  /// From now on this process updates these elements alone, and has moments of no others, and
  /// counts the squares of those. To be called before the first update.
  void own(std::vector<Range> updated, std::vector<Range> counted);
  /// One AdamW update. `rates` f64 [3] (kernels::adamw_rates) and grad_scale, one f64 number by
  /// which the gradient is multiplied, lie on the group's device. NaN: nothing is updated.
  void update(const Tensor& rates, double weight_decay, const AdamOptions& adam,
              const Tensor& grad_scale);

  /// What the model computes with, anew from the values: to be called after these were read.
  void round_values() const;

  /// Flat buffers of all elements by parameter name, "m.NAME" and "v.NAME", sharing memory with
  /// them.
  std::vector<std::pair<std::string, Tensor>> by_name(const Tensor& m, const Tensor& v) const;
  /// The moments, of the elements that this process updates, one range after the other.
  const Tensor& m() const { return m_; }
  const Tensor& v() const { return v_; }
  const std::vector<Range>& updated() const { return updated_; }

 private:
  std::string name_;
  std::vector<Slice> slices_;
  std::int64_t decayed_ = 0;  // elements with weight decay, at the beginning
  std::vector<Range> updated_, counted_;
  Tensor value_, gradient_, m_, v_;
  Tensor rounded_;  // bf16 of value_; undefined without mixed precision
};

/// One group for each group name that occurs, in order of appearance.
std::vector<ParameterGroup> make_groups(const std::vector<nn::Parameter>& parameters,
                                        std::optional<DType> compute = std::nullopt);

}  // namespace seqpe::optim
