#include "models/tasks/task_model.h"

#include "engine/core/warning.h"
#include "kernels/attention_backend.h"
#include "kernels/matmul.h"

namespace seqpe::models {

TaskModel::TaskModel(const Config& config) : config_(config) {
  kernels::use_attention(config_.kernels.attention, warn);
}

std::unique_ptr<PositionEncoding> TaskModel::make_position(DType dtype) {
  const ModelConfig& model = config_.model;
  auto position = models::make_position(model.position, {.layers = model.layers,
                                                         .width = model.width,
                                                         .heads = model.heads,
                                                         .trained = trained_extent(config_),
                                                         .dtype = dtype,
                                                         .rotary_base = model.rotary_base,
                                                         .rotary_layout = model.rotary_layout,
                                                         .interpolate = model.interpolate,
                                                         .seqpe = config_.seqpe});
  seqpe_ = dynamic_cast<SeqpePosition*>(position.get());
  if (seqpe_ != nullptr) config_.seqpe = seqpe_->options();
  return position;
}

std::vector<nn::Parameter> TaskModel::parameters() const {
  std::vector<nn::Parameter> all = body().parameters();
  for (nn::Parameter& parameter : all) parameter.decay = decays(parameter);
  if (seqpe_ == nullptr) return all;
  for (nn::Parameter parameter : seqpe_->encoder().parameters()) {
    parameter.group = "encoder";
    parameter.decay = encoder_decays(parameter);
    all.push_back(std::move(parameter));
  }
  return all;
}

void TaskModel::initialize(std::uint64_t seed) const {
  body().initialize(seed);
  if (seqpe_ != nullptr) seqpe_->encoder().initialize(seed);
}

void TaskModel::move_to(Device device) const {
  body().move_to(device);
  if (seqpe_ != nullptr) seqpe_->encoder().move_to(device);
}

Device TaskModel::device() const {
  return body().parameters()[0].value.device();
}

void TaskModel::compute_as_trained() const {
  kernels::allow_tf32(config_.train.precision == train::Precision::tf32);
  const auto dtype = config_.train.compute_dtype();
  if (!dtype) return;
  for (const nn::Parameter& parameter : parameters()) {
    if (parameter.rounded)
      parameter.value.move_into(Tensor::empty(parameter.value.shape(), *dtype, device()));
  }
}

}  // namespace seqpe::models
