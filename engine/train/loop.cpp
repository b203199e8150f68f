#include "engine/train/loop.h"

#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>

#include "engine/dist/alike.h"
#include "engine/io/file.h"
#include "engine/io/json_error.h"
#include "engine/io/safetensors.h"
#include "engine/io/sha256.h"
#include "engine/train/checkpoint.h"
#include "engine/train/metrics.h"
#include "engine/train/progress.h"
#include "engine/train/signals.h"
#include "engine/train/updater.h"
#include "kernels/device.h"

namespace seqpe::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOptimizerFile = "optimizer.rank_000_of_001.safetensors";

class Trainer {
 public:
  Trainer(Task& task, const LoopOptions& options)
      : task_(task),
        options_(options),
        ranks_(*options.ranks),
        updater_(task, options.train, ranks_, options.dist) {
    if (options.resume) restore(*options.resume);
  }

  Outcome run() {
    require_alike();
    if (options_.on_start) options_.on_start();
    // As rank 0 sees it: the folder of another may have another name.
    const bool own = ranks_.any(ranks_.is_first() && options_.resume &&
                                is_of_run(*options_.resume, options_.run));
    if (ranks_.is_first()) open_run(own);
    ranks_.barrier();  // rank 0 may have read a long list of steps
    // Of a step that was evaluated elsewhere, or on a branch that was left, nothing is known.
    if (!ranks_.any(best_is_there_)) best_.reset();
    progress_.emplace(*options_.log, step_, options_.train.steps, options_.log_config.every,
                      task_.unit());
    if (options_.resume) say("resumed at step {} of {}", step_, options_.train.steps);
    for (bool saved = own;; saved = false) {
      if (evaluation_due_) report_all();
      const std::optional<Evaluation> found =
          evaluation_due_ ? evaluate_or_save(saved) : std::nullopt;
      const bool better = found && record(*found);
      const bool last = step_ >= options_.train.steps;
      const bool stop = any_stop_requested(ranks_);
      if (saved && better && ranks_.is_first()) mark_best(options_.run, step_);
      if (!saved && (better || last || is_due(options_.checkpoint.every) || stop)) {
        report_all();  // a checkpoint is of steps that went well
        save(better);
        saved = true;
      }
      if (last && !evaluation_due_) return Outcome::finished;
      // A signal since the save is seen after the next step.
      if (saved && any_stop_requested(ranks_)) return Outcome::interrupted;
      one_step();
      evaluation_due_ = is_due(options_.train.eval_every) || step_ == options_.train.steps;
    }
  }

 private:
  bool is_due(std::int64_t every) const { return every > 0 && step_ > 0 && step_ % every == 0; }

  template <typename... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) const {
    options_.log->say(fmt::format(text, std::forward<Args>(args)...));
  }

  /// Ranks that begin with other weights or data would train on without a word.
  void require_alike() {
    if (ranks_.size() == 1) return;
    const std::string data = task_.data_fingerprint();
    std::string weights;
    for (const auto& group : updater_.groups()) {
      const Tensor values = group.value().to(Device::cpu);
      weights += io::sha256(values.data(), values.bytes());
    }
    ranks_.barrier();  // all this, and reading a checkpoint, takes one longer than another
    dist::require_alike(ranks_, "step", fmt::format("{}", step_));
    dist::require_alike(ranks_, "weights", io::sha256(weights.data(), weights.size()));
    dist::require_alike(ranks_, "data", data);
  }

  /// `own`: the run goes on with a checkpoint of its own.
  void open_run(bool own) {
    // Before the metrics are cut: a crash must not leave `latest` at a step that they lack.
    if (own) mark_latest(options_.run, step_);
    const auto best_step = best_ ? std::optional(best_->step) : std::nullopt;
    best_is_there_ = own && mark_best_if_there(options_.run, best_step);
    // The last save's may have been cut short.
    if (own) prune_checkpoints(options_.run, options_.checkpoint);
    metrics_.emplace(options_.run / "metrics.jsonl", step_, !evaluation_due_);
  }

  void write(const nlohmann::ordered_json& line) {
    if (metrics_) metrics_->write(line);
  }

  /// A device works on this step while the host reports the one before.
  void one_step() {
    const std::size_t most_pending = updater_.device() == Device::cpu ? 0 : 1;
    pending_.push_back(updater_.start(step_));
    ++step_;
    while (pending_.size() > most_pending) report_first();
  }

  void report_all() {
    while (!pending_.empty()) report_first();
  }

  void report_first() {
    const Update update = pending_.front().wait();
    ranks_.require_health();
    const std::int64_t step = step_ - static_cast<std::int64_t>(pending_.size()) + 1;
    pending_.pop_front();
    if (!update.finite) throw_diverged(step, update.loss);
    samples_ += update.samples;
    nlohmann::ordered_json line = {{"step", step}, {"loss", update.loss}};
    for (const auto& [name, value] : update.terms) {
      line[name + "_loss"] = value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
    }
    for (const auto& [group, norm] : update.norms) line[norm_name(group)] = norm;
    line["learning_rate"] = update.learning_rate;
    line[task_.unit()] = samples_;
    line["seconds"] = progress_->seconds();
    write(line);
    progress_->step(step, update);
  }

  [[noreturn]] void throw_diverged(std::int64_t step, double loss) const {
    const auto newest = newest_checkpoint(options_.run);
    throw DivergedError(fmt::format(
        "[train] the loss or a gradient of step {} is not finite (loss {}); nothing was updated. "
        "Last checkpoint: {}. Hint: a lower train.learning_rate; a train.clip of 1 or below.",
        step, loss, newest ? newest->string() : "none"));
  }

  /// An evaluation that fails must not take the steps before it along.
  std::optional<Evaluation> evaluate_or_save(bool saved) {
    try {
      return evaluate();
    } catch (const CommunicationError&) {
      throw;  // nothing can be done together any more
    } catch (const std::exception&) {
      if (!saved) save(false);  // all ranks are here: evaluations fail together
      throw;
    }
  }

  /// Stays due, and finds nothing, when a stop cuts it short.
  std::optional<Evaluation> evaluate() {
    Evaluation found;
    try {
      stop_if_any_requested(ranks_);
      const kernels::TraceRange trace("evaluation");
      found = task_.evaluate(
          EvaluationProgress(*options_.log, fmt::format("at step {}", step_), ranks_));
    } catch (const StoppedError&) {
      return {};
    }
    evaluation_due_ = false;
    return found;
  }

  /// Every rank keeps the best loss, rank 0 writes. True if this is the lowest so far.
  bool record(const Evaluation& found) {
    for (const EvalRow& row : found.rows) {
      nlohmann::ordered_json values;
      std::string shown;
      for (const auto& cell : row) {
        std::visit(
            [&](const auto& value) {
              values[cell.first] = value;
              if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
                shown += fmt::format(" {} {}", cell.first, value);
              } else {
                shown += fmt::format(" {} {:.6g}", cell.first, static_cast<double>(value));
              }
            },
            cell.second);
      }
      write({{"step", step_}, {"eval", values}});
      say("evaluation:{}", shown);
    }
    const bool better =
        found.loss && std::isfinite(*found.loss) && (!best_ || *found.loss < best_->loss);
    if (better) best_ = {*found.loss, step_};
    return better;
  }

  /// By rank 0, for which the others wait.
  void save(bool best) const {
    const kernels::TraceRange trace("checkpoint");
    ranks_.barrier();  // an error of another must not end in a checkpoint
    const auto moments = updater_.moments();
    if (ranks_.is_first()) write_all(moments, best);
    ranks_.barrier();
  }

  void write_all(const std::vector<std::pair<std::string, Tensor>>& moments, bool best) const {
    write_checkpoint(options_.run, step_, best, [&](const fs::path& directory) {
      task_.save(directory);
      io::write_safetensors(directory / kOptimizerFile, moments);
      nlohmann::ordered_json state = {
          {"format_version", kCheckpointFormat}, {"step", step_}, {task_.unit(), samples_}};
      state["seed"] = options_.train.seed;
      state["evaluation_due"] = evaluation_due_;
      state["best_loss"] = best_ ? nlohmann::ordered_json(best_->loss) : nlohmann::ordered_json();
      state["best_step"] = best_ ? nlohmann::ordered_json(best_->step) : nlohmann::ordered_json();
      io::write_file_atomic(directory / kStateFile, state.dump(1) + "\n");
    });
    prune_checkpoints(options_.run, options_.checkpoint);
    say("checkpoint of step {} in {}", step_, (options_.run / "checkpoints").string());
  }

  void restore(const fs::path& checkpoint) {
    verify_checkpoint(checkpoint);
    task_.load(checkpoint);
    for (const auto& group : updater_.groups()) group.round_values();
    updater_.read_moments(checkpoint / kOptimizerFile);
    try {
      const auto state =
          nlohmann::json::parse(io::read_text<CheckpointError>(checkpoint / kStateFile));
      const auto seed = state.at("seed").get<std::int64_t>();
      require<CheckpointError>(
          seed == options_.train.seed,
          "[checkpoint] {} was trained with train.seed {}, asked to go on with {}.",
          checkpoint.string(), seed, options_.train.seed);
      step_ = state.at("step").get<std::int64_t>();
      require<ConfigError>(step_ <= options_.train.steps,
                           "[config] train.steps must be at least the {} that {} has done, got {}.",
                           step_, checkpoint.string(), options_.train.steps);
      samples_ = state.at(task_.unit()).get<std::int64_t>();
      evaluation_due_ = state.value("evaluation_due", false);
      const auto best_step = state.value("best_step", nlohmann::json());
      if (!best_step.is_null())
        best_ = {state.at("best_loss").get<double>(), best_step.get<std::int64_t>()};
    } catch (const nlohmann::json::exception& error) {
      throw CheckpointError(fmt::format("[checkpoint] {}: {}.", (checkpoint / kStateFile).string(),
                                        io::reason_of(error)));
    }
  }

  Task& task_;
  const LoopOptions& options_;
  dist::ProcessGroup& ranks_;
  Updater updater_;
  std::int64_t step_ = 0;              // updates that were started
  std::int64_t samples_ = 0;           // of those that were reported
  std::deque<PendingUpdate> pending_;  // the others
  std::optional<Metrics> metrics_;     // of rank 0
  std::optional<TrainingProgress> progress_;
  bool evaluation_due_ = false;  // of this step, still to be made
  struct Best {
    double loss;
    std::int64_t step;
  };
  std::optional<Best> best_;    // evaluation so far
  bool best_is_there_ = false;  // in the run that goes on, as rank 0 sees it
};

}  // namespace

Outcome run_training(Task& task, const LoopOptions& options) {
  return Trainer(task, options).run();
}

}  // namespace seqpe::train
