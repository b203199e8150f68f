// seqpe_engine train lm
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <filesystem>
#include <memory>

#include "engine/io/file.h"
#include "engine/train/checkpoint.h"
#include "engine/train/loop.h"
#include "engine/train/signals.h"
#include "models/tasks/lm_files.h"
#include "models/tasks/lm_generation.h"
#include "models/tasks/lm_task.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/plan.h"
#include "tools/seqpe_engine/run_folder.h"
#include "tools/seqpe_engine/sizes.h"
#include "tools/seqpe_engine/tables.h"

namespace seqpe::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQuickStart = "quickstart_lm";

struct Options {
  std::vector<std::string> configs, overrides;
  std::string run, resume, init_from;
  DeviceOption device;
  VerbosityFlags verbosity;
  bool dry_run = false;
};

struct Trained {
  train::Outcome outcome = train::Outcome::finished;
  std::vector<LengthResult> results;
  std::string sample;
};

/// One `train lm`: the main model, then its rivals.
class Session {
 public:
  explicit Session(Options options) : options_(std::move(options)) {
    if (options_.configs.empty()) options_.configs = {kQuickStart};
    config_ = models::load_config(options_.configs, options_.device.with(options_.overrides));
    require<UsageError>(options_.init_from.empty() || config_.compare.empty(),
                        "[train] --init-from must come without rivals (compare), which start from "
                        "random weights, got compare [{}]. Hint: --set compare=[].",
                        fmt::join(config_.compare, ", "));
    device_ = use_device(config_);
    for (const models::Config& rival : models::rivals_of(config_))
      models::validate_device(rival, device_);
  }

  void run() {
    require<UsageError>(options_.resume != kResumeAuto || !options_.run.empty(),
                        "[run] --resume auto needs --run DIR.");
    folder_ = options_.run.empty() ? new_run_folder(recipe()) : fs::path(options_.run);
    // Refuses before anything is read.
    const auto resume = checkpoint_to_resume(options_.resume, folder_);
    require<UsageError>(!resume || options_.init_from.empty(),
                        "[train] --init-from starts a run, this one goes on from {}. Hint: leave "
                        "one of --init-from and --resume out.",
                        resume ? resume->string() : "");
    if (options_.dry_run) return plan();
    bool finished = train_into(config_, folder_);
    for (const models::Config& rival : models::rivals_of(config_))
      finished = finished && train_into(rival, folder_of(rival));
    if (!finished) throw_stopped();
    print_results();
    for (const auto& [name, results] : table_) require_finite(results);
  }

 private:
  std::string recipe() const { return fs::path(options_.configs.back()).stem(); }

  fs::path folder_of(const models::Config& rival) const {
    return folder_ / ("rival_" + rival.model.position);
  }

  std::optional<fs::path> resume_of(const fs::path& where) const {
    if (where == folder_) return checkpoint_to_resume(options_.resume, where);
    return options_.resume.empty() ? std::nullopt : train::newest_checkpoint(where);
  }

  /// --dry-run: tells the sizes, and refuses a checkpoint that the training would refuse.
  void plan() const {
    train::Log log(options_.verbosity.level());
    const auto plan_one = [&](const models::Config& config, const fs::path& where) {
      const Prepared prepared = prepare(config, log);
      const auto resume = resume_of(where);
      if (!resume) return;
      train::verify_checkpoint(*resume);
      models::check_same_model(*prepared.model, *resume);
    };
    plan_one(config_, folder_);
    for (const models::Config& rival : models::rivals_of(config_))
      plan_one(rival, folder_of(rival));
  }

  /// The model with its data, after the lines that tell its size.
  struct Prepared {
    std::unique_ptr<models::LanguageModel> model;
    std::unique_ptr<models::LmTask> task;
  };
  /// Without weights yet. Where they do not fit, smaller micro-batches would not help.
  static std::unique_ptr<models::LanguageModel> make_model(const models::Config& config) {
    auto tokenizer = data::load_tokenizer(config.data.tokenizer);
    try {
      return std::make_unique<models::LanguageModel>(config, std::move(tokenizer));
    } catch (const OutOfMemoryError&) {
      throw OutOfMemoryError(
          fmt::format("[train] out of memory: the weights alone must fit, those of model.layers {} "
                      "and model.width {} do not. Hint: a smaller model.",
                      config.model.layers, config.model.width));
    }
  }
  Prepared prepare(const models::Config& config, train::Log& log) const {
    Prepared out;
    out.model = make_model(config);
    check_weights_fit(*out.model, device_);
    // Memory that nobody writes takes no room.
    if (!options_.dry_run) out.model->initialize(static_cast<std::uint64_t>(config.train.seed));
    if (!options_.init_from.empty()) {
      const fs::path weights = models::find_model(options_.init_from).weights;
      if (data::holds_tokenizer(weights)) models::check_same_tokenizer(*out.model, weights);
      models::load_weights(*out.model, weights);
    }
    if (!options_.dry_run) out.model->move_to(device_);  // the emulated device writes it all
    out.task = std::make_unique<models::LmTask>(*out.model);
    log.detail(version_text());
    log.detail(fmt::format("threads {}", omp_get_max_threads()));
    say_plan(*out.model, *out.task, device_, log);
    return out;
  }

  bool train_into(const models::Config& config, fs::path where) {
    train::Log log(options_.verbosity.level());
    const Prepared prepared = prepare(config, log);
    const bool is_main = where == folder_;
    std::optional<RunFolder> made(where);
    // Another process may have taken the name while this one read its data.
    while (is_main && options_.run.empty() && !made->is_new()) {
      where = folder_ = new_run_folder(recipe());
      made.emplace(where);
    }
    if (!lock_) lock_.emplace(where);  // the first folder holds those of the rivals
    // Under the lock: another process may have come first.
    const auto resume = resume_of(where);
    Trained trained;
    try {
      trained = train_prepared(prepared, where, resume, log, *made);
    } catch (const StoppedError&) {
      trained.outcome = train::Outcome::interrupted;
    } catch (const std::exception& error) {
      log.clear();
      log.record(fmt::format("error: {}", error.what()));
      throw;
    }
    if (trained.outcome == train::Outcome::interrupted) log.record("stopped by a signal");
    if (!trained.results.empty()) table_.emplace_back(config.model.position, trained.results);
    if (sample_.empty()) sample_ = trained.sample;
    return trained.outcome == train::Outcome::finished;
  }

  Trained train_prepared(const Prepared& prepared, const fs::path& where,
                         const std::optional<fs::path>& resume, train::Log& log,
                         RunFolder& made) const {
    const models::Config& config = prepared.model->config();
    Trained trained;
    trained.outcome =
        train::run_training(*prepared.task, {.train = config.train,
                                             .checkpoint = config.checkpoint,
                                             .log_config = config.log,
                                             .run = where,
                                             .resume = resume,
                                             .log = &log,
                                             .on_start = [&] {
                                               log.open(where / "train.log");
                                               write_run_files(where, config, device_);
                                               made.keep();
                                             }});
    log.detail(fmt::format("tensors {:.1f} MB at peak", peak_tensor_megabytes(device_)));
    if (trained.outcome == train::Outcome::interrupted || prepared.task->validation().empty())
      return trained;
    trained.results =
        evaluate_lengths(*prepared.model, prepared.task->validation(),
                         models::evaluation_lengths(config), log, prepared.task->evaluated());
    trained.sample = models::generate(*prepared.model, "It was ", 160, 0.8,
                                      static_cast<std::uint64_t>(config.train.seed));
    return trained;
  }

  void print_results() const {
    if (!table_.empty()) {
      fmt::print(
          "Token perplexity on the validation text by evaluation length (trained at {}):\n\n{}\n",
          config_.data.block_size, perplexity_table(table_));
      fmt::print("A sample:\n\n{}\n\n", printable(sample_));
    }
    fmt::print("Run: {}\n", folder_.string());
  }

  /// The run's own configuration holds every --set of the command that is stopped.
  [[noreturn]] void throw_stopped() const {
    throw StoppedError(fmt::format(
        "stopped by a signal; go on with: {} train lm --config {} --run {} --resume auto",
        shell_quoted(command_line()[0]), shell_quoted((folder_ / models::kConfigFile).string()),
        shell_quoted(folder_.string())));
  }

  const train::SignalGuard signals_;
  Options options_;
  models::Config config_;
  Device device_ = Device::cpu;
  fs::path folder_;
  std::optional<io::DirectoryLock> lock_;
  std::vector<std::pair<std::string, std::vector<LengthResult>>> table_;
  std::string sample_;
};

}  // namespace

void add_train_command(CLI::App& app) {
  CLI::App* train = app.add_subcommand("train", "Train a model");
  train->footer("  seqpe_engine train lm");
  train->require_subcommand(1);
  CLI::App* lm = train->add_subcommand(
      "lm",
      "Train a language model; without --config the quick start (no download, about a minute on "
      "two cores)");
  lm->footer(
      "  seqpe_engine train lm\n"
      "  seqpe_engine train lm --config lm_novels_small --set data.path=train.txt --set "
      "data.valid_path=valid.txt\n"
      "  seqpe_engine train lm --config runs/a/config.yaml --run runs/a --resume auto");
  const auto options = std::make_shared<Options>();
  lm->add_option("--config", options->configs,
                 "YAML file or recipe (see `config recipes`); several: later over earlier; default "
                 "quickstart_lm")
      ->allow_extra_args(false);
  lm->add_option("--set", options->overrides,
                 "KEY=VALUE over every --config, VALUE as YAML (see `config keys`)")
      ->allow_extra_args(false);
  lm->add_option("--run", options->run,
                 "Folder of the run, new or empty; default runs/RECIPE-DATE-TIME")
      ->check(not_empty());
  lm->add_option("--resume", options->resume,
                 "auto: go on with the newest checkpoint of --run, or start where it has none; or "
                 "a checkpoint folder, with its own --run or a new one; default: start")
      ->check(not_empty());
  lm->add_option(
        "--init-from", options->init_from,
        "Start from the weights of a checkpoint or run, without rivals (compare); default: "
        "random weights")
      ->check(not_empty());
  options->device.add_to(lm);
  lm->add_flag("--dry-run", options->dry_run,
               "Stop after the lines that tell parameters, memory, tokens a step, disk a "
               "checkpoint, or at what the training would refuse; write nothing");
  options->verbosity.add_to(lm);
  lm->callback([options] { Session(*options).run(); });
}

}  // namespace seqpe::tools
