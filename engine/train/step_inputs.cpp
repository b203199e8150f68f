#include "engine/train/step_inputs.h"

#include <algorithm>

#include "kernels/common/error.h"

namespace seqpe::train {

void StepInputs::add(const std::string& name, const Tensor& tensor) {
  require(tensors_.emplace(name, tensor).second, "[step] there are two inputs '{}'.", name);
}

void StepInputs::add(const std::string& name, double number) {
  add(name, Tensor::from<double>({1}, {number}));
}

void StepInputs::set_size(const std::string& name, std::int64_t size) {
  require(sizes_.emplace(name, size).second, "[step] there are two sizes '{}'.", name);
}

const Tensor& StepInputs::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  require(found != tensors_.end(), "[step] there is no input '{}'.", name);
  return found->second;
}

std::int64_t StepInputs::size(const std::string& name) const {
  const auto found = sizes_.find(name);
  require(found != sizes_.end(), "[step] there is no size '{}'.", name);
  return found->second;
}

void StepInputs::replace(const std::function<Tensor(const Tensor&)>& by) {
  for (auto& [name, tensor] : tensors_) tensor = by(tensor);
}

bool StepInputs::alike(const StepInputs& other) const {
  return sizes_ == other.sizes_ &&
         std::equal(tensors_.begin(), tensors_.end(), other.tensors_.begin(), other.tensors_.end(),
                    [](const auto& a, const auto& b) {
                      return a.first == b.first && a.second.shape() == b.second.shape() &&
                             a.second.dtype() == b.second.dtype();
                    });
}

}  // namespace seqpe::train
