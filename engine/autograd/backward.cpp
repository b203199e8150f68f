#include "engine/autograd/backward.h"

#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/autograd/node.h"
#include "kernels/elementwise.h"

namespace seqpe::autograd {
namespace {

struct RecordedEarlier {
  bool operator()(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) const {
    return a->sequence() < b->sequence();
  }
};

/// A node together with those of its outputs that have a gradient: nobody else may hold them any
/// more.
struct Ready {
  std::shared_ptr<Node> node;
  std::vector<std::shared_ptr<Variable>> outputs;
};

/// Nodes whose output gradients are being collected, latest recorded first: when a node is taken,
/// every node that uses its outputs has run, because it was recorded later.
class Agenda {
 public:
  void add(const std::shared_ptr<Variable>& output) {
    const auto [outputs, is_new] = outputs_.try_emplace(output->producer.get());
    outputs->second.push_back(output);
    if (is_new) queue_.push(output->producer);
  }
  Ready take() {
    Ready ready{queue_.top(), {}};
    queue_.pop();
    ready.outputs = std::move(outputs_.extract(ready.node.get()).mapped());
    return ready;
  }
  bool empty() const { return queue_.empty(); }

 private:
  std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, RecordedEarlier>
      queue_;
  std::unordered_map<const Node*, std::vector<std::shared_ptr<Variable>>> outputs_;
};

/// Drops the gradients of a node's outputs and the links to it; the node dies with its saved
/// tensors.
void free_outputs(const Node& node) {
  for (const auto& weak : node.outputs()) {
    if (const std::shared_ptr<Variable> variable = weak.lock()) {
      variable->producer = nullptr;
      variable->freed = true;
      variable->grad = Tensor();
      variable->grad_written = false;
    }
  }
}

/// Of the node's inputs whose last use it was.
void tell_watchers(const Node& node) {
  for (const auto& input : node.inputs()) {
    if (input != nullptr && input->watcher != nullptr && --input->open_uses == 0)
      input->watcher->gradient_is_complete();
  }
}

constexpr const char* kFreed =
    "[backward] the graph was freed by an earlier backward. Hint: run the forward pass again.";

void check_root(const Tensor& output, const Tensor& grad_output) {
  require(output.defined() && output.requires_grad(),
          "[backward] the tensor depends on no leaf that wants a gradient.");
  require(!output.variable()->freed, kFreed);
  require(output.variable()->producer != nullptr,
          "[backward] the tensor is a leaf: nothing was computed.");
  const auto kind = [](const Tensor& tensor) {
    return fmt::format("{} {} on {}", name_of(tensor.dtype()), to_string(tensor.shape()),
                       name_of(tensor.device()));
  };
  const std::string wanted = kind(output);
  require(grad_output.defined(), "[backward] the gradient must be {}, got an undefined tensor.",
          wanted);
  require(grad_output.numel() == output.numel() && grad_output.dtype() == output.dtype() &&
              grad_output.device() == output.device(),
          "[backward] the gradient must be {}, got {}.", wanted, kind(grad_output));
}

/// Adds a root's gradient to those of other roots and, later, of the nodes that use the root: in
/// memory of its own, what the caller gave stays as it is.
void start(Variable& root, const Tensor& grad_output) {
  if (!root.grad_written) {
    root.grad = grad_output.view(root.shape).clone();
    root.grad_written = true;
    return;
  }
  kernels::add(grad_output.context(), {.dtype = root.dtype,
                                       .out = root.grad.data(),
                                       .a = grad_output.data(),
                                       .count = grad_output.numel(),
                                       .write = Write::accumulate});
}

}  // namespace

void backward(const Tensor& loss) {
  require(loss.defined() && loss.numel() == 1, "[backward] the loss must be one element, got {}.",
          loss.defined() ? to_string(loss.shape()) : "an undefined tensor");
  backward(loss, Tensor::full(loss.shape(), 1.0, loss.dtype(), loss.device()));
}

void backward(const Tensor& output, const Tensor& grad_output) {
  backward({Root{output, grad_output}});
}

void backward(const std::vector<Root>& roots) {
  for (const auto& [output, grad_output] : roots) check_root(output, grad_output);
  Agenda agenda;
  for (const auto& [output, grad_output] : roots) {
    start(*output.variable(), grad_output);
    agenda.add(output.variable());
  }
  while (!agenda.empty()) {
    const Ready ready = agenda.take();
    // What lies before a freed input would get no gradient, silently.
    for (const auto& input : ready.node->inputs())
      require(input == nullptr || !input->freed, kFreed);
    ready.node->run_backward();
    for (const auto& input : ready.node->inputs()) {
      if (input == nullptr || input->producer == nullptr || !input->grad_written) continue;
      agenda.add(input);
    }
    tell_watchers(*ready.node);
    free_outputs(*ready.node);
  }
}

}  // namespace seqpe::autograd
