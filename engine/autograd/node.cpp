#include "engine/autograd/node.h"

#include <atomic>

#include "kernels/copy.h"

namespace seqpe::autograd {
namespace {

thread_local bool recording = true;
std::atomic<std::uint64_t> next_sequence{1};

/// Destroys variables one after the other: dropping the end of a long graph must not recurse
/// through it.
void destroy_iteratively(std::vector<std::shared_ptr<Variable>>& variables) {
  static thread_local std::vector<std::shared_ptr<Variable>> pending;
  static thread_local bool draining = false;
  for (auto& variable : variables) {
    if (variable != nullptr) pending.push_back(std::move(variable));
  }
  if (draining) return;
  draining = true;
  while (!pending.empty()) {
    const std::shared_ptr<Variable> next = std::move(pending.back());
    pending.pop_back();
  }
  draining = false;
}

}  // namespace

Node::Node() : sequence_(next_sequence++) {}

Node::~Node() {
  destroy_iteratively(inputs_);
}

void Node::connect(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                   const std::shared_ptr<Node>& self) {
  for (const Tensor& input : inputs) {
    inputs_.push_back(input.defined() ? input.variable() : nullptr);
    if (inputs_.back() != nullptr && inputs_.back()->watcher != nullptr)
      ++inputs_.back()->open_uses;
    input_shapes_.push_back(input.defined() ? input.shape() : Shape{});
  }
  for (Tensor output : outputs) {
    output.set_requires_grad();
    output.variable()->producer = self;
    outputs_.push_back(output.variable());
  }
}

Tensor Node::grad_output(std::size_t output) const {
  const std::shared_ptr<Variable> variable = outputs_[output].lock();
  return variable != nullptr && variable->grad_written ? variable->grad : Tensor();
}

void Node::run_backward() {
  backward();
  for (const auto& [input, addend] : beside_) {
    const GradTarget target = wide_grad_target(input);
    kernels::convert(addend.context(), {.from = addend.dtype(),
                                        .to = target.grad.dtype(),
                                        .out = target.data(),
                                        .x = addend.data(),
                                        .count = addend.numel(),
                                        .write = target.write});
  }
  beside_.clear();
}

GradTarget Node::grad_target(std::size_t input) {
  const std::shared_ptr<Variable>& variable = inputs_[input];
  if (variable == nullptr) return {};
  if (!variable->grad.defined() || variable->grad.dtype() == variable->dtype)
    return wide_grad_target(input);
  const Tensor addend = Tensor::empty(input_shapes_[input], variable->dtype, variable->device);
  beside_.emplace_back(input, addend);
  return {addend, Write::overwrite};
}

GradTarget Node::wide_grad_target(std::size_t input) const {
  const std::shared_ptr<Variable>& variable = inputs_[input];
  if (variable == nullptr) return {};
  if (!variable->grad.defined()) {
    variable->grad = Tensor::empty(variable->shape, variable->dtype, variable->device);
  }
  const Write write = variable->grad_written ? Write::accumulate : Write::overwrite;
  variable->grad_written = true;
  return {variable->grad.view(input_shapes_[input]), write};
}

DType grad_dtype(const Tensor& x) {
  const bool kept = x.requires_grad() && x.variable()->grad.defined();
  return kept ? x.variable()->grad.dtype() : x.dtype();
}

bool grad_enabled() {
  return recording;
}

NoGradGuard::NoGradGuard() : before_(recording) {
  recording = false;
}
NoGradGuard::~NoGradGuard() {
  recording = before_;
}

bool needs_recording(const std::vector<Tensor>& inputs) {
  if (!recording) return false;
  for (const Tensor& input : inputs) {
    if (input.defined() && input.requires_grad()) return true;
  }
  return false;
}

}  // namespace seqpe::autograd
