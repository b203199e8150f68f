#include "engine/autograd/backward.h"

#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/autograd/node.h"

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

/// Checks a root and puts its gradient in place.
std::shared_ptr<Variable> start(const Tensor& output, const Tensor& grad_output) {
  require(output.defined() && output.requires_grad(),
          "[backward] the tensor depends on no leaf that wants a gradient.");
  const std::shared_ptr<Variable> root = output.variable();
  require(
      !root->freed,
      "[backward] the graph was freed by an earlier backward. Hint: run the forward pass again.");
  require(root->producer != nullptr, "[backward] the tensor is a leaf: nothing was computed.");
  require(grad_output.numel() == output.numel() && grad_output.dtype() == output.dtype(),
          "[backward] the gradient must be {} {}, got {} {}.", name_of(output.dtype()),
          to_string(output.shape()), name_of(grad_output.dtype()), to_string(grad_output.shape()));
  root->grad = grad_output.detach().view(root->shape);
  root->grad_written = true;
  return root;
}

}  // namespace

void backward(const Tensor& loss) {
  require(loss.defined() && loss.numel() == 1, "[backward] the loss must be one element, got {}.",
          loss.defined() ? to_string(loss.shape()) : "an undefined tensor");
  backward(loss, Tensor::full(loss.shape(), 1.0, loss.dtype()));
}

void backward(const Tensor& output, const Tensor& grad_output) {
  backward({Root{output, grad_output}});
}

void backward(const std::vector<Root>& roots) {
  Agenda agenda;
  for (const auto& [output, grad_output] : roots) agenda.add(start(output, grad_output));
  while (!agenda.empty()) {
    const Ready ready = agenda.take();
    ready.node->backward();
    for (const auto& input : ready.node->inputs()) {
      if (input == nullptr || input->producer == nullptr || !input->grad_written) continue;
      agenda.add(input);
    }
    free_outputs(*ready.node);
  }
}

}  // namespace seqpe::autograd
