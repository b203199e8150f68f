#include "engine/nn/module.h"

#include "engine/autograd/node.h"

namespace seqpe::nn {

std::string join_names(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

std::vector<Parameter> Module::parameters() const {
  std::vector<Parameter> out;
  collect(name_, out);
  return out;
}

Tensor Parameter::master() const {
  if (!value.requires_grad() || !value.variable()->master.defined()) return value;
  return value.variable()->master;
}

Tensor Module::parameter(const std::string& name) const {
  for (const Parameter& parameter : parameters()) {
    if (parameter.name == name) return parameter.value;
  }
  throw Error(fmt::format("[module] no parameter is called '{}'.", name));
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const Parameter& parameter : parameters()) count += parameter.value.numel();
  return count;
}

void Module::initialize(std::uint64_t seed) const {
  for (const Entry& entry : entries_) {
    nn::initialize(entry.value, entry.init, seed, join_names(name_, entry.name));
  }
  for (const Child& child : children_) child.module->initialize(seed);
}

void Module::move_to(Device device) const {
  const auto move = [device](const Tensor& value) {
    if (value.device() != device)
      value.move_into(Tensor::empty(value.shape(), value.dtype(), device));
  };
  for (const Entry& entry : entries_) move(entry.value);
  for (const Tensor& constant : constants_) move(constant);
  for (const Child& child : children_) child.module->move_to(device);
}

void Module::set_name(const std::string& name) {
  name_ = name;
  on_renamed();
  for (const Child& child : children_) child.module->set_name(join_names(name, child.name));
}

Tensor Module::add_parameter(const std::string& name, Shape shape, DType dtype, Init init,
                             bool rounded) {
  Tensor value = Tensor::empty(std::move(shape), dtype);
  value.set_requires_grad();
  entries_.push_back({name, value, init, rounded});
  return value;
}

Tensor Module::add_constant(const Tensor& value) {
  constants_.push_back(value);
  return value;
}

void Module::add_child(const std::string& name, Module& child) {
  children_.push_back({name, &child});
}

void Module::collect(const std::string& prefix, std::vector<Parameter>& out) const {
  for (const Entry& entry : entries_) {
    out.push_back({join_names(prefix, entry.name), entry.value, "model", true, entry.rounded});
  }
  for (const Child& child : children_) child.module->collect(join_names(prefix, child.name), out);
}

}  // namespace seqpe::nn
