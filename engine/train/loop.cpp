#include "engine/train/loop.h"

#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/train/checkpoint.h"
#include "engine/train/progress.h"

namespace seqpe::train {
namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int) {
  stop_requested = 1;
}

/// SIGTERM and SIGINT ask for a stop while this lives.
class SignalGuard {
 public:
  SignalGuard() {
    stop_requested = 0;
    terminate_ = std::signal(SIGTERM, request_stop);
    interrupt_ = std::signal(SIGINT, request_stop);
  }
  ~SignalGuard() {
    std::signal(SIGTERM, terminate_);
    std::signal(SIGINT, interrupt_);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  void (*terminate_)(int);
  void (*interrupt_)(int);
};

constexpr const char* kOptimizerFile = "optimizer.rank_000_of_001.safetensors";
constexpr const char* kStateFile = "trainer_state.json";

class Trainer {
 public:
  Trainer(Task& task, const LoopOptions& options)
      : task_(task), options_(options), groups_(optim::make_groups(task.parameters())) {
    if (options.resume) restore(*options.resume);
  }

  Outcome run() {
    const SignalGuard signals;
    Metrics metrics(options_.run / "metrics.jsonl", step_);
    Progress progress(step_, options_.train.steps, options_.log.every, options_.quiet);
    if (options_.resume)
      progress.say(fmt::format("resumed at step {} of {}", step_, options_.train.steps));
    while (step_ < options_.train.steps) {
      one_step(metrics, progress);
      const bool last = step_ == options_.train.steps, stopped = stop_requested != 0;
      const bool evaluates = is_due(options_.train.eval_every) || last;
      const bool better = evaluates && !stopped && evaluate(metrics, progress);
      if (is_due(options_.checkpoint.every) || last || stopped || better) {
        save(better);
        progress.say(fmt::format("checkpoint of step {} in {}", step_,
                                 (options_.run / "checkpoints").string()));
      }
      if (stopped && !last) return Outcome::interrupted;
    }
    return Outcome::finished;
  }

 private:
  bool is_due(std::int64_t every) const { return every > 0 && step_ % every == 0; }

  optim::GroupOptions group_options(const std::string& group) const {
    const TrainConfig& train = options_.train;
    const bool encoder = group == "encoder";
    const optim::Schedule schedule{
        .kind = train.schedule,
        .learning_rate = encoder ? train.encoder_rate() : train.learning_rate,
        .min_learning_rate = train.min_learning_rate,
        .warmup_from = train.warmup_from,
        .warmup_steps = train.warmup_steps,
        .steps = train.steps};
    return {.learning_rate = schedule.at(step_),
            .weight_decay = encoder ? train.encoder_weight_decay : train.weight_decay,
            .clip = encoder ? train.encoder_clip : train.clip};
  }

  void one_step(Metrics& metrics, Progress& progress) {
    for (const auto& group : groups_) group.clear_gradients();
    const StepTerms terms = task_.forward_backward(step_);
    std::vector<double> norms;
    bool finite = std::isfinite(terms.loss);
    for (const auto& group : groups_) {
      group.complete_gradients();
      norms.push_back(group.gradient_norm());
      finite = finite && std::isfinite(norms.back());
    }
    const auto newest = newest_checkpoint(options_.run);
    require<DivergedError>(
        finite,
        "[train] the loss or a gradient of step {} is not finite (loss {}); nothing was updated. "
        "Last checkpoint: {}. Hint: lower train.learning_rate or train.clip.",
        step_ + 1, terms.loss, newest ? newest->string() : "none");
    const optim::AdamOptions adam{options_.train.betas[0], options_.train.betas[1],
                                  options_.train.eps};
    nlohmann::ordered_json line = {{"step", step_ + 1}, {"loss", terms.loss}};
    for (const auto& [name, value] : terms.terms) {
      line[name + "_loss"] = value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
    }
    std::string shown;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const optim::GroupOptions group = group_options(groups_[g].name());
      groups_[g].update(group, adam, step_ + 1, optim::clip_factor(norms[g], group.clip));
      const std::string key =
          groups_[g].name() == "model" ? "grad_norm" : groups_[g].name() + "_grad_norm";
      line[key] = norms[g];
      shown += fmt::format(" {} {:.2f}", key, norms[g]);
    }
    const double rate = group_options("model").learning_rate;
    ++step_;
    tokens_ += terms.tokens;
    line["learning_rate"] = rate;
    line["tokens"] = tokens_;
    line["seconds"] = progress.seconds();
    metrics.write(line);
    progress.step(step_, terms, shown, rate);
  }

  /// True if this is the lowest loss so far.
  bool evaluate(Metrics& metrics, Progress& progress) {
    bool better = false;
    const auto rows = task_.evaluate();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      nlohmann::ordered_json values;
      std::string shown;
      for (const auto& [name, value] : rows[i]) {
        values[name] = value;
        shown += fmt::format(" {} {:.6g}", name, value);
      }
      if (i == 0 && (!best_loss_ || values.at("nll") < *best_loss_)) {
        best_loss_ = values.at("nll");
        better = true;
      }
      metrics.write({{"step", step_}, {"eval", values}});
      progress.say("evaluation:" + shown);
    }
    return better;
  }

  void save(bool best) const {
    write_checkpoint(options_.run, step_, best, [&](const fs::path& directory) {
      task_.save(directory);
      std::vector<std::pair<std::string, Tensor>> moments;
      for (const auto& group : groups_) {
        for (auto& moment : group.moments()) moments.push_back(std::move(moment));
      }
      io::write_safetensors(directory / kOptimizerFile, moments);
      nlohmann::ordered_json state = {
          {"format_version", kCheckpointFormat}, {"step", step_}, {"tokens", tokens_}};
      state["seed"] = options_.train.seed;
      state["best_loss"] =
          best_loss_ ? nlohmann::ordered_json(*best_loss_) : nlohmann::ordered_json();
      io::write_file_atomic(directory / kStateFile, state.dump(1) + "\n");
    });
    prune_checkpoints(options_.run, options_.checkpoint);
  }

  void restore(const fs::path& checkpoint) {
    verify_checkpoint(checkpoint);
    task_.load(checkpoint);
    const auto stored = io::SafetensorsFile::open(checkpoint / kOptimizerFile);
    for (const auto& group : groups_) {
      for (const auto& [name, moment] : group.moments()) moment.copy_from(stored.tensor(name));
    }
    const auto state =
        nlohmann::json::parse(io::read_text<CheckpointError>(checkpoint / kStateFile));
    step_ = state.at("step");
    tokens_ = state.at("tokens");
    if (!state.at("best_loss").is_null()) best_loss_ = state.at("best_loss").get<double>();
    require<CheckpointError>(state.at("seed") == options_.train.seed,
                             "[checkpoint] {}: trained with train.seed {}, asked to go on with {}.",
                             checkpoint.string(), state.at("seed").dump(), options_.train.seed);
  }

  Task& task_;
  const LoopOptions& options_;
  std::vector<optim::ParameterGroup> groups_;
  std::int64_t step_ = 0;
  std::int64_t tokens_ = 0;
  std::optional<double> best_loss_;
};

}  // namespace

Outcome run_training(Task& task, const LoopOptions& options) {
  return Trainer(task, options).run();
}

}  // namespace seqpe::train
