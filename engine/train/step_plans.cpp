#include "engine/train/step_plans.h"

#include <algorithm>
#include <cstring>

#include "engine/core/allocator.h"
#include "engine/core/warning.h"
#include "kernels/common/profile.h"

namespace seqpe::train {
namespace {

/// Where a kernel may want an array to begin.
constexpr std::int64_t kAlignment = 256;

std::int64_t aligned_bytes(const Tensor& tensor) {
  return (static_cast<std::int64_t>(tensor.bytes()) + kAlignment - 1) / kAlignment * kAlignment;
}

std::int64_t packed_bytes(const StepInputs& inputs) {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : inputs.tensors()) bytes += aligned_bytes(tensor);
  return bytes;
}

}  // namespace

/// The steps alike to one: memory for their inputs, which come packed into one block.
class StepPlans::Plan {
 public:
  Plan(const StepInputs& first, Device device)
      : inputs_(first),
        packed_(Tensor::zeros({packed_bytes(first)}, DType::u8)),
        block_(Tensor::empty(packed_.shape(), DType::u8, device)),
        feed_(block_.context(), block_.bytes()) {
    inputs_.replace([&, begin = std::int64_t{0}](const Tensor& tensor) mutable {
      const std::int64_t place = begin;
      begin += aligned_bytes(tensor);
      return block_.bytes_as(place, tensor.shape(), tensor.dtype());
    });
  }

  bool serves(const StepInputs& drawn) const { return inputs_.alike(drawn); }

  StepResult run(const StepInputs& drawn, const StepWork& work, bool record) {
    std::int64_t begin = 0;
    for (const auto& [name, tensor] : drawn.tensors()) {
      std::memcpy(packed_.data_at(begin), tensor.data(), tensor.bytes());
      begin += aligned_bytes(tensor);
    }
    feed_.send(block_.data(), packed_.data());
    if (record && told_ && !recording_ && !refused_) this->record(work);
    if (!recording_) {
      const StepMemory memory;
      told_ = true;
      return work(inputs_);
    }
    const kernels::KernelTimer timer("play_recording");
    recording_->play();
    return result_;
  }

 private:
  void record(const StepWork& work) {
    try {
      recording_.emplace(block_.context(), [&] { result_ = work(inputs_); });
    } catch (const DeviceError& error) {
      refused_ = true;
      warn(fmt::format("[train] steps are told kernel by kernel, none could be recorded: {}",
                       error.what()));
    }
  }

  StepInputs inputs_;  // on the device
  Tensor packed_;      // u8, on the host
  Tensor block_;       // the same on the device
  kernels::Feed feed_;
  bool told_ = false, refused_ = false;
  StepResult result_;  // where each play leaves it
  std::optional<kernels::Recording> recording_;
};

StepResult StepPlans::run(const StepInputs& drawn, const StepWork& work) {
  if (device_ == Device::cpu) return work(drawn);
  auto plan = std::find_if(plans_.begin(), plans_.end(),
                           [&](const auto& each) { return each->serves(drawn); });
  if (plan == plans_.end()) plan = plans_.insert(plan, std::make_shared<Plan>(drawn, device_));
  return (*plan)->run(drawn, work, record_);
}

}  // namespace seqpe::train
