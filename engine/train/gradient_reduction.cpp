#include "engine/train/gradient_reduction.h"

#include "kernels/common/profile.h"

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
  void send() {
    dist::ProcessGroup& ranks = all_.ranks_;
    if (!all_.scatters_) {
      pending_.push_back(ranks.all_reduce(gradient_, all_.wire_));
      return;
    }
    const optim::Range whole{0, gradient_.numel()}, pieces = pieces_of(whole, ranks.size()),
                                                    rest = left_over(whole, ranks.size());
    if (pieces.size() > 0)
      pending_.push_back(ranks.reduce_scatter(gradient_.rows(0, pieces.end), all_.wire_));
    if (rest.size() > 0)
      pending_.push_back(ranks.all_reduce(gradient_.rows(rest.begin, rest.end), all_.wire_));
  }
  void wait() {
    for (const auto& each : pending_) each->wait();
    pending_.clear();
  }

 private:
  GradientReduction& all_;
  Tensor gradient_;  // a part of the flat buffer
  std::vector<nn::Parameter> parameters_;
  std::size_t open_ = 0;  // of them
  std::vector<std::unique_ptr<dist::Pending>> pending_;
};

GradientReduction::GradientReduction(const std::vector<optim::ParameterGroup>& groups,
                                     dist::ProcessGroup& ranks, const dist::DistConfig& dist)
    : ranks_(ranks), wire_(dist.wire), scatters_(dist.zero > 0) {
  for (const optim::ParameterGroup& group : groups) {
    for (const optim::Range& bucket : optim::bucket_ranges(group, dist.bucket_mb)) {
      std::vector<nn::Parameter> parameters;
      for (const auto& slice : group.slices()) {
        if (slice.begin >= bucket.begin && slice.end <= bucket.end)
          parameters.push_back(slice.parameter);
      }
      buckets_.push_back(std::make_unique<Bucket>(
          *this, group.gradient().rows(bucket.begin, bucket.end), std::move(parameters)));
    }
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
  const kernels::KernelTimer timer("wait_for_ranks");
  for (const auto& bucket : buckets_) bucket->wait();
}

}  // namespace seqpe::train
