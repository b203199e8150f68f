#include "engine/train/updater.h"

#include <algorithm>
#include <cmath>

#include "engine/io/safetensors.h"
#include "engine/optim/schedule.h"
#include "engine/train/shard_tree.h"
#include "kernels/adamw.h"
#include "kernels/common/error.h"
#include "kernels/device.h"

namespace seqpe::train {

namespace {

/// The input that holds a group's rates.
std::string rates_name(const std::string& group) {
  return "rates." + group;
}

/// Those whose last one lets gradients travel.
class ReducedMicroBatches final : public MicroBatches {
 public:
  ReducedMicroBatches(const Share& share, GradientReduction& reduction)
      : MicroBatches(share), reduction_(reduction) {}

 protected:
  void before_last() override { reduction_.arm(); }

 private:
  GradientReduction& reduction_;
};

/// The loss and the terms, parts of this rank, become the sums over all.
void sum_over_ranks(StepTerms& terms, dist::ProcessGroup& ranks) {
  std::vector<Tensor*> numbers{&terms.loss};
  for (auto& [name, value] : terms.terms) {
    if (value.defined()) numbers.push_back(&value);
  }
  const Tensor all = Tensor::empty({std::ssize(numbers)}, DType::f64, terms.loss.device());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const Tensor one = all.rows(row, row + 1);
    one.copy_from(numbers[i]->view({1}));
    *numbers[i] = one;
  }
  ranks.all_reduce(all)->wait();
}

}  // namespace

Updater::Updater(Objective& objective, const TrainConfig& config, dist::ProcessGroup& ranks,
                 const dist::DistConfig& dist)
    : objective_(objective),
      config_(config),
      ranks_(ranks),
      groups_(optim::make_groups(objective.parameters(), config.compute_dtype())),
      clipping_(groups_, dist.zero > 0 && !dist.deterministic ? &ranks : nullptr),
      plans_(device(), config.cuda_graphs) {
  kernels::allow_tf32(config.precision == Precision::tf32);
  const Share share = share_of_rank(config, dist, ranks.rank(), ranks.size());
  if (dist.zero > 0) zero_.emplace(groups_, ranks, dist);
  if (dist.deterministic) {
    micro_batches_ = std::make_unique<ShardTree>(share, groups_, ranks, dist);
  } else if (&ranks == &dist::single_process()) {
    micro_batches_ = std::make_unique<MicroBatches>(share);
  } else {
    reduction_.emplace(groups_, ranks, dist);
    micro_batches_ = std::make_unique<ReducedMicroBatches>(share, *reduction_);
  }
}

const GroupConfig& Updater::options_of(const std::string& group) const {
  const auto found = config_.groups.find(group);
  require(found != config_.groups.end(), "[train] there are no options of a parameter group '{}'.",
          group);
  return found->second;
}

double Updater::learning_rate(const std::string& group, std::int64_t step) const {
  const optim::Schedule schedule{.kind = config_.schedule,
                                 .learning_rate = config_.peak_rate(options_of(group)),
                                 .min_learning_rate = config_.min_learning_rate,
                                 .warmup_from = config_.warmup_from,
                                 .warmup_steps = config_.warmup_steps,
                                 .steps = config_.steps,
                                 .delay = config_.schedule_as_timm ? 1 : 0,
                                 .falls_during_warmup = config_.schedule_as_timm};
  return schedule.at(step);
}

PendingUpdate::PendingUpdate(const StepTerms& terms, const std::vector<std::string>& groups,
                             const Tensor& norms, double learning_rate)
    : numbers_([&] {
        std::vector<Tensor> numbers{terms.loss};
        for (const auto& [name, value] : terms.terms) {
          if (value.defined()) numbers.push_back(value);
        }
        numbers.push_back(norms);
        return numbers;
      }()) {
  for (const auto& [name, value] : terms.terms)
    update_.terms.emplace_back(name, value.defined() ? std::optional(0.0) : std::nullopt);
  for (const std::string& group : groups) update_.norms.emplace_back(group, 0.0);
  update_.learning_rate = learning_rate;
  update_.samples = terms.samples;
}

Update PendingUpdate::wait() const {
  Update update = update_;
  const std::vector<double> numbers = numbers_.wait();
  auto next = numbers.begin();
  update.loss = *next++;
  for (auto& [name, value] : update.terms) {
    if (value) value = *next++;
  }
  for (auto& [group, norm] : update.norms) norm = *next++;
  update.finite = std::isfinite(update.loss) &&
                  std::all_of(update.norms.begin(), update.norms.end(),
                              [](const auto& norm) { return std::isfinite(norm.second); });
  return update;
}

/// Forward and backward: the gradients are those of the whole step.
StepTerms Updater::sum_of_gradients(const StepInputs& inputs) {
  for (const auto& group : groups_) group.clear_gradients();
  if (reduction_) reduction_->begin_step();
  StepTerms terms = objective_.forward_backward(inputs, *micro_batches_);
  for (const auto& group : groups_) group.complete_gradients();
  if (reduction_) {
    reduction_->finish();
    sum_over_ranks(terms, ranks_);
  }
  return terms;
}

/// Forward, backward and update, of inputs on the device.
StepResult Updater::compute(const StepInputs& inputs) {
  const StepTerms terms = sum_of_gradients(inputs);
  const kernels::TraceRange trace("update");
  std::vector<double> limits;
  for (const auto& group : groups_) limits.push_back(options_of(group.name()).clip);
  const Tensor norms = clipping_.decide(limits, terms.loss);
  const optim::AdamOptions adam{config_.betas[0], config_.betas[1], config_.eps};
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::string& name = groups_[g].name();
    groups_[g].update(inputs.at(rates_name(name)), options_of(name).weight_decay, adam,
                      clipping_.factor(g));
  }
  if (zero_) zero_->gather_values();
  return {terms, norms};
}

std::vector<std::pair<std::string, Tensor>> Updater::moments() const {
  if (zero_) return zero_->gather_moments();
  std::vector<std::pair<std::string, Tensor>> all;
  for (const auto& group : groups_) {
    for (auto& named : group.by_name(group.m(), group.v())) all.push_back(std::move(named));
  }
  return all;
}

void Updater::read_moments(const std::filesystem::path& file) {
  const io::SafetensorsFile stored = io::SafetensorsFile::open(file);
  if (!zero_) return io::read_safetensors_into(moments(), stored);
  std::vector<std::pair<std::string, Tensor>> named;
  std::vector<std::pair<Tensor, Tensor>> flat;  // of each group
  for (const auto& group : groups_) {
    const auto whole = [&] { return Tensor::empty({group.size()}, group.value().dtype()); };
    const auto& [m, v] = flat.emplace_back(whole(), whole());
    for (auto& each : group.by_name(m, v)) named.push_back(std::move(each));
  }
  io::read_safetensors_into(named, stored);
  zero_->take_moments(flat);
}

PendingUpdate Updater::start(std::int64_t step) {
  const kernels::TraceRange trace("step");
  StepInputs inputs = objective_.draw(step);
  std::vector<std::string> names;
  for (const auto& group : groups_) {
    names.push_back(group.name());
    const auto rates = kernels::adamw_rates(learning_rate(group.name(), step), config_.betas[0],
                                            config_.betas[1], step + 1);
    inputs.add(rates_name(group.name()),
               Tensor::from<double>({3}, std::vector<double>(rates.begin(), rates.end())));
  }
  const StepResult result =
      plans_.run(inputs, [this](const StepInputs& on_device) { return compute(on_device); });
  return {result.terms, names, result.norms, learning_rate("model", step)};
}

}  // namespace seqpe::train
