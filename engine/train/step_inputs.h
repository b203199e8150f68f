// What a training step gets from the host: everything that may differ from one step to the next.
// Two steps alike() run the very same kernels on the very same memory, so that a device can play
// the second from a recording of the first (step_plans.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "engine/core/tensor.h"

namespace seqpe::train {

class StepInputs {
 public:
  /// Throws Error if there is one of that name.
  void add(const std::string& name, const Tensor& tensor);
  /// One f64 number.
  void add(const std::string& name, double number);
  /// A count that the shapes of the tensors do not tell.
  void set_size(const std::string& name, std::int64_t size);

  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// Throw Error if there is none.
  const Tensor& at(const std::string& name) const;
  std::int64_t size(const std::string& name) const;

  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  /// Puts another tensor in the place of each, in the order of tensors().
  void replace(const std::function<Tensor(const Tensor&)>& by);
  /// The same sizes, and tensors of the same names, shapes and dtypes.
  bool alike(const StepInputs& other) const;

 private:
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::int64_t> sizes_;
};

}  // namespace seqpe::train
