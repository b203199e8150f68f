#include "engine/core/readback.h"

namespace seqpe {

Readback::Readback(const std::vector<Tensor>& tensors) {
  for (const Tensor& tensor : tensors) {
    const auto* data = tensor.data_as<double>();
    const auto count = static_cast<std::size_t>(tensor.numel());
    if (tensor.device() == Device::cpu) {
      here_.insert(here_.end(), data, data + count);
    } else {
      coming_.emplace_back(kernels::Readback(tensor.context(), data, tensor.bytes()), count);
    }
  }
}

std::vector<double> Readback::wait() const {
  std::vector<double> values = here_;
  for (const auto& [readback, count] : coming_) {
    const auto* data = static_cast<const double*>(readback.wait());
    values.insert(values.end(), data, data + count);
  }
  return values;
}

}  // namespace seqpe
