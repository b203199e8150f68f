#include "engine/train/gradient_reduction.h"

#include <algorithm>

namespace seqpe::train {

class GradientReduction::Bucket final : public autograd::GradientWatcher {
 public:
  Bucket(GradientReduction& all, Tensor gradient, std::vector<nn::Parameter> parameters)
      : all_(all), gradient_(std::move(gradient)), parameters_(std::move(parameters)) {
    for (const nn::Parameter& parameter : parameters_) parameter.value.variable()->watcher = this;
  }
  ~Bucket() override {
    for (const nn::Parameter& parameter : parameters_)
      parameter.value.variable()->watcher = nullptr;
  }
  Bucket(const Bucket&) = delete;
  Bucket& operator=(const Bucket&) = delete;

  void begin_step() {
    open_ = parameters_.size();
    for (const nn::Parameter& parameter : parameters_) parameter.value.variable()->open_uses = 0;
  }
  void gradient_is_complete() override {
    if (!all_.armed_) return;
    --open_;
    all_.send_complete();
  }
  bool is_complete() const { return open_ == 0; }
  void send() { pending_ = all_.ranks_.all_reduce(gradient_, all_.wire_); }
  void wait() {
    pending_->wait();
    pending_.reset();
  }

 private:
  GradientReduction& all_;
  Tensor gradient_;  // a part of the flat buffer
  std::vector<nn::Parameter> parameters_;
  std::size_t open_ = 0;  // of them
  std::unique_ptr<dist::Pending> pending_;
};

GradientReduction::GradientReduction(const std::vector<optim::ParameterGroup>& groups,
                                     dist::ProcessGroup& ranks, const dist::DistConfig& dist)
    : ranks_(ranks), wire_(dist.wire) {
  const auto most = static_cast<std::int64_t>(dist.bucket_mb * 1e6);
  for (const optim::ParameterGroup& group : groups) {
    const Tensor& gradient = group.gradient();
    const auto bytes_of = [&](std::int64_t begin, std::int64_t end) {
      return (end - begin) * static_cast<std::int64_t>(size_of(gradient.dtype()));
    };
    // Backward completes last what forward used first.
    std::vector<nn::Parameter> parameters;
    std::int64_t begin = 0, end = 0;
    const auto close = [&] {
      if (parameters.empty()) return;
      buckets_.push_back(
          std::make_unique<Bucket>(*this, gradient.rows(begin, end), std::move(parameters)));
      parameters.clear();
    };
    const auto& slices = group.slices();
    for (auto slice = slices.rbegin(); slice != slices.rend(); ++slice) {
      if (!parameters.empty() && bytes_of(slice->begin, end) > most) close();
      if (parameters.empty()) end = slice->end;
      begin = slice->begin;
      parameters.push_back(slice->parameter);
    }
    close();
  }
}

GradientReduction::~GradientReduction() = default;

void GradientReduction::begin_step() {
  armed_ = false;
  begun_ = 0;
  for (const auto& bucket : buckets_) bucket->begin_step();
}

/// In one order on every rank: a bucket waits for those before it.
void GradientReduction::send_complete() {
  while (begun_ < count() && buckets_[static_cast<std::size_t>(begun_)]->is_complete())
    buckets_[static_cast<std::size_t>(begun_++)]->send();
}

void GradientReduction::finish() {
  for (auto next = static_cast<std::size_t>(begun_); next < buckets_.size(); ++next)
    buckets_[next]->send();
  for (const auto& bucket : buckets_) bucket->wait();
}

}  // namespace seqpe::train
