#include "engine/optim/parameter_buffers.h"

#include <algorithm>

#include "engine/autograd/node.h"
#include "kernels/adamw.h"
#include "kernels/reduce.h"
#include "kernels/scalar.h"

namespace seqpe::optim {

ParameterGroup::ParameterGroup(std::string name, const std::vector<nn::Parameter>& parameters,
                               std::optional<DType> compute)
    : name_(std::move(name)) {
  require(!parameters.empty(), "[optim] group '{}' must have parameters, got none.", name_);
  const DType dtype = parameters[0].value.dtype();
  std::int64_t size = 0;
  for (const bool decay : {true, false}) {
    for (const nn::Parameter& parameter : parameters) {
      if (parameter.decay != decay) continue;
      require(parameter.value.dtype() == dtype,
              "[optim] the parameters of group '{}' must be {}, '{}' is {}.", name_, name_of(dtype),
              parameter.name, name_of(parameter.value.dtype()));
      slices_.push_back({parameter, size, size + parameter.value.numel()});
      size += parameter.value.numel();
    }
    if (decay) decayed_ = size;
  }
  const Device device = parameters[0].value.device();
  for (Tensor* buffer : {&value_, &gradient_, &m_, &v_})
    *buffer = Tensor::zeros({size}, dtype, device);
  if (compute && *compute != dtype) {
    require(dtype == DType::f32 && *compute == DType::bf16,
            "[optim] mixed precision must be bf16 of f32 parameters, got {} of {}.",
            name_of(*compute), name_of(dtype));
    rounded_ = Tensor::empty({size}, DType::bf16, device);
  }
  for (const Slice& slice : slices_) {
    const Tensor& parameter = slice.parameter.value;
    const Tensor value = value_.rows(slice.begin, slice.end).view(parameter.shape());
    if (rounded_.defined() && slice.parameter.rounded) {
      value.copy_from(parameter);
      parameter.move_into(rounded_.rows(slice.begin, slice.end).view(parameter.shape()));
      parameter.variable()->master = value;
    } else {
      parameter.move_into(value);
    }
    parameter.variable()->grad = gradient_.rows(slice.begin, slice.end).view(parameter.shape());
    parameter.clear_grad();
  }
  updated_ = counted_ = {{0, size}};
}

void ParameterGroup::own(std::vector<Range> updated, std::vector<Range> counted) {
  updated_ = std::move(updated);
  counted_ = std::move(counted);
  std::int64_t elements = 0;
  for (const Range& range : updated_) elements += range.size();
  for (Tensor* moment : {&m_, &v_}) {
    *moment = Tensor();  // gives its memory back first
    *moment = Tensor::zeros({elements}, value_.dtype(), device());
  }
}

void ParameterGroup::clear_gradients() const {
  for (const Slice& slice : slices_) slice.parameter.value.clear_grad();
}

void ParameterGroup::complete_gradients() const {
  for (const Slice& slice : slices_) {
    if (!slice.parameter.value.grad().defined()) gradient_.rows(slice.begin, slice.end).fill(0.0);
  }
}

void ParameterGroup::sum_squares(const Tensor& out) const {
  const auto sum_of = [&](const Range& range, const Tensor& to) {
    kernels::sum_of_squares(gradient_.context(),
                            {.dtype = gradient_.dtype(),
                             .out = to.data_as<double>(),
                             .x = gradient_.rows(range.begin, range.end).data(),
                             .count = range.size()});
  };
  if (counted_.empty()) return out.clear();
  if (counted_.size() == 1) return sum_of(counted_[0], out);
  const Tensor parts = Tensor::empty({std::ssize(counted_)}, DType::f64, device());
  for (std::size_t i = 0; i < counted_.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    sum_of(counted_[i], parts.rows(row, row + 1));
  }
  constexpr int kMost = kernels::WeightedSumArgs::kMostTerms;
  const auto count = static_cast<int>(counted_.size());
  for (int begin = 0; begin < count; begin += kMost) {
    kernels::WeightedSumArgs sum{.out = out.data_as<double>(),
                                 .write = begin == 0 ? Write::overwrite : Write::accumulate,
                                 .count = std::min(kMost, count - begin)};
    for (int i = 0; i < sum.count; ++i) {
      sum.terms[i] = parts.data_as<double>() + begin + i;
      sum.weights[i] = 1.0;
    }
    kernels::weighted_sum(gradient_.context(), sum);
  }
}

void ParameterGroup::update(const Tensor& rates, double weight_decay, const AdamOptions& adam,
                            const Tensor& grad_scale) {
  std::int64_t moment = 0;
  const auto run = [&](std::int64_t begin, std::int64_t end, double decay) {
    if (begin >= end) return;
    const std::int64_t count = end - begin;
    kernels::adamw(
        value_.context(),
        {.dtype = value_.dtype(),
         .value = value_.rows(begin, end).data(),
         .gradient = gradient_.rows(begin, end).data(),
         .m = m_.rows(moment, moment + count).data(),
         .v = v_.rows(moment, moment + count).data(),
         .rounded = rounded_.defined() ? rounded_.rows(begin, end).data_as<bf16>() : nullptr,
         .count = count,
         .rates = rates.data_as<double>(),
         .beta1 = adam.beta1,
         .beta2 = adam.beta2,
         .eps = adam.eps,
         .weight_decay = decay,
         .grad_scale = grad_scale.data_as<double>()});
    moment += count;
  };
  for (const auto& [begin, end] : updated_) {
    run(begin, std::min(end, decayed_), weight_decay);
    run(std::max(begin, decayed_), end, 0.0);
  }
}

void ParameterGroup::round_values() const {
  if (rounded_.defined()) rounded_.convert_from(value_);
}

std::vector<std::pair<std::string, Tensor>> ParameterGroup::by_name(const Tensor& m,
                                                                    const Tensor& v) const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const Slice& slice : slices_) {
    const Shape& shape = slice.parameter.value.shape();
    out.emplace_back("m." + slice.parameter.name, m.rows(slice.begin, slice.end).view(shape));
    out.emplace_back("v." + slice.parameter.name, v.rows(slice.begin, slice.end).view(shape));
  }
  return out;
}

std::vector<ParameterGroup> make_groups(const std::vector<nn::Parameter>& parameters,
                                        std::optional<DType> compute) {
  std::vector<std::string> names;
  for (const nn::Parameter& parameter : parameters) {
    if (std::find(names.begin(), names.end(), parameter.group) == names.end())
      names.push_back(parameter.group);
  }
  std::vector<ParameterGroup> groups;
  for (const std::string& name : names) {
    std::vector<nn::Parameter> members;
    for (const nn::Parameter& parameter : parameters) {
      if (parameter.group == name) members.push_back(parameter);
    }
    groups.emplace_back(name, members, compute);
  }
  return groups;
}

}  // namespace seqpe::optim
