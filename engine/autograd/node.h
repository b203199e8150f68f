// The tape. A Variable is a place for the gradient of a tensor (engine/core/variable.h); a Node is
// one recorded op that knows how to turn the gradients of its outputs into those of its inputs.
// Nodes hold the variables of their inputs, variables hold the node that produced them: the graph
// is owned by whoever holds its end, usually the loss.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/core/tensor.h"
#include "engine/core/variable.h"
#include "kernels/common/context.h"

namespace seqpe::autograd {

/// Where a backward kernel writes the gradient of an input, and how. Undefined if the gradient is
/// not wanted.
struct GradTarget {
  Tensor grad;
  Write write = Write::overwrite;

  explicit operator bool() const { return grad.defined(); }
  /// The pointer for the kernel's arguments: null if the gradient is not wanted.
  void* data() const { return grad.defined() ? grad.data() : nullptr; }
};

class Node {
 public:
  Node();
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Reads grad_output(i), which it may overwrite, and writes into grad_target(i). Called once.
  virtual void backward() = 0;
  /// backward, and what it wrote beside gradients of a wider dtype added to them.
  void run_backward();

  /// Larger for nodes recorded later, so descending order is a topological order of the graph.
  std::uint64_t sequence() const { return sequence_; }
  const std::vector<std::shared_ptr<Variable>>& inputs() const { return inputs_; }
  const std::vector<std::weak_ptr<Variable>>& outputs() const { return outputs_; }
  void connect(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
               const std::shared_ptr<Node>& self);

 protected:
  /// The gradient of output i; undefined if nothing that depends on it reached the loss.
  Tensor grad_output(std::size_t output = 0) const;
  /// The target of input i's gradient, of the input's dtype, which the caller must fill. Ask once a
  /// backward for each input; two inputs may be one variable.
  GradTarget grad_target(std::size_t input);
  /// The same, in the dtype in which the gradient is kept: for a kernel that writes either.
  GradTarget wide_grad_target(std::size_t input) const;

 private:
  std::uint64_t sequence_;
  std::vector<std::shared_ptr<Variable>> inputs_;
  std::vector<Shape> input_shapes_;  // a view's shape differs from that of the variable it shares
  std::vector<std::weak_ptr<Variable>> outputs_;
  std::vector<std::pair<std::size_t, Tensor>>
      beside_;  // input, what is to be added to its gradient
};

/// The dtype in which the gradient of `x` is kept.
DType grad_dtype(const Tensor& x);

/// True while ops record nodes on this thread.
bool grad_enabled();

/// Switches recording off for a scope.
class NoGradGuard {
 public:
  NoGradGuard();
  ~NoGradGuard();
  NoGradGuard(const NoGradGuard&) = delete;
  NoGradGuard& operator=(const NoGradGuard&) = delete;

 private:
  bool before_;
};

/// True if an op on these inputs has to be recorded. Undefined tensors count as absent.
bool needs_recording(const std::vector<Tensor>& inputs);

/// Records an op: creates the node NodeType{fields...}, hangs it between inputs and outputs and
/// returns it, or null if nothing has to be recorded. What the node saves for backward must be
/// detached.
template <typename NodeType>
std::shared_ptr<NodeType> record(const std::vector<Tensor>& inputs,
                                 const std::vector<Tensor>& outputs) {
  if (!needs_recording(inputs)) return nullptr;
  auto node = std::make_shared<NodeType>();
  node->connect(inputs, outputs, node);
  return node;
}

}  // namespace seqpe::autograd
