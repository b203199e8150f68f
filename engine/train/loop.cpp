#include "engine/train/loop.h"

#include <csignal>
#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/train/checkpoint.h"
#include "engine/train/progress.h"
#include "engine/train/updater.h"

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
      : task_(task), options_(options), updater_(task, options.train) {
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

  void one_step(Metrics& metrics, Progress& progress) {
    const Update update = updater_.run(step_);
    if (!update.finite) throw_diverged(update.terms.loss);
    ++step_;
    tokens_ += update.terms.tokens;
    nlohmann::ordered_json line = {{"step", step_}, {"loss", update.terms.loss}};
    for (const auto& [name, value] : update.terms.terms) {
      line[name + "_loss"] = value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
    }
    std::string shown;
    for (const auto& [group, norm] : update.norms) {
      const std::string key = group == "model" ? "grad_norm" : group + "_grad_norm";
      line[key] = norm;
      shown += fmt::format(" {} {:.2f}", key, norm);
    }
    line["learning_rate"] = update.learning_rate;
    line["tokens"] = tokens_;
    line["seconds"] = progress.seconds();
    metrics.write(line);
    progress.step(step_, update.terms, shown, update.learning_rate);
  }

  [[noreturn]] void throw_diverged(double loss) const {
    const auto newest = newest_checkpoint(options_.run);
    throw DivergedError(fmt::format(
        "[train] the loss or a gradient of step {} is not finite (loss {}); nothing was updated. "
        "Last checkpoint: {}. Hint: lower train.learning_rate or train.clip.",
        step_ + 1, loss, newest ? newest->string() : "none"));
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
      for (const auto& group : updater_.groups()) {
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
    for (const auto& group : updater_.groups()) {
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
  Updater updater_;
  std::int64_t step_ = 0;
  std::int64_t tokens_ = 0;
  std::optional<double> best_loss_;
};

}  // namespace

Outcome run_training(Task& task, const LoopOptions& options) {
  return Trainer(task, options).run();
}

}  // namespace seqpe::train
