// seqpe_engine train
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <filesystem>
#include <memory>

#include "engine/io/file.h"
#include "engine/train/checkpoint.h"
#include "engine/train/loop.h"
#include "engine/train/signals.h"
#include "models/tasks/stored_model.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/ranks.h"
#include "tools/seqpe_engine/run_folder.h"
#include "tools/seqpe_engine/sizes.h"
#include "tools/seqpe_engine/training.h"

namespace seqpe::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> configs, overrides;
  std::string run, resume, init_from;
  DeviceOption device;
  VerbosityFlags verbosity;
  bool dry_run = false;
};

/// One command: the main model, then its rivals.
class Session {
 public:
  Session(Options options, std::unique_ptr<TrainingKind> kind)
      : options_(std::move(options)), kind_(std::move(kind)) {
    if (options_.configs.empty()) options_.configs = {kind_->quick_start()};
    config_ = models::load_config(options_.configs, options_.device.with(options_.overrides));
    require<UsageError>(config_.task == kind_->task(),
                        "[train] the configuration {} must be for `train {}` (its key task says "
                        "otherwise).",
                        fmt::join(options_.configs, ", "), kind_->name());
    require<UsageError>(options_.init_from.empty() || config_.compare.empty(),
                        "[train] --init-from must come without rivals (compare), which start from "
                        "random weights, got compare [{}]. Hint: --set compare=[].",
                        fmt::join(config_.compare, ", "));
    device_ = use_device(config_);
    ranks_ = &open_ranks(config_, device_);
    for (const models::Config& rival : models::rivals_of(config_))
      models::validate_device(rival, device_);
  }

  void run() {
    require<UsageError>(options_.resume != kResumeAuto || !options_.run.empty(),
                        "[run] --resume auto needs --run DIR.");
    folder_ =
        ranks_->broadcast(options_.run.empty() ? new_run_folder(recipe()).string() : options_.run);
    // Refuses before anything is read.
    const auto resume = resume_of(folder_);
    require<UsageError>(!resume || options_.init_from.empty(),
                        "[train] --init-from starts a run, this one goes on from {}. Hint: leave "
                        "one of --init-from and --resume out.",
                        resume ? resume->string() : "");
    if (options_.dry_run) return plan();
    bool finished = train_into(config_, folder_);
    for (const models::Config& rival : models::rivals_of(config_))
      finished = finished && train_into(rival, folder_of(rival));
    if (!finished) throw_stopped();
    if (ranks_->is_first()) {
      kind_->print(config_, folder_);
      fmt::print("Run: {}\n", folder_.string());
      std::fflush(stdout);
    }
    ranks_->barrier();  // before one ends all others
    kind_->check_finite();
  }

 private:
  std::string recipe() const { return fs::path(options_.configs.back()).stem(); }

  fs::path folder_of(const models::Config& rival) const {
    return folder_ / ("rival_" + rival.model.position);
  }

  /// As rank 0 finds it.
  std::optional<fs::path> resume_of(const fs::path& where) const {
    std::optional<fs::path> found;
    if (ranks_->is_first() && where == folder_) {
      found = checkpoint_to_resume(options_.resume, where);
    } else if (ranks_->is_first() && !options_.resume.empty()) {
      found = train::newest_checkpoint(where);
    }
    const std::string path = ranks_->broadcast(found ? found->string() : "");
    return path.empty() ? std::nullopt : std::optional<fs::path>(path);
  }

  /// As rank 0 finds it: a run that still trains may have another best checkpoint a moment later.
  fs::path init_from() const {
    ranks_->barrier();  // making a model and its data takes one longer than another
    return ranks_->broadcast(
        ranks_->is_first() ? models::find_model(options_.init_from).weights.string() : "");
  }

  train::Verbosity verbosity() const { return verbosity_of(*ranks_, options_.verbosity.level()); }

  /// --dry-run: tells the sizes, and refuses a checkpoint that the training would refuse.
  void plan() const {
    train::Log log(verbosity());
    const auto plan_one = [&](const models::Config& config, const fs::path& where) {
      const auto training = prepare(config, log);
      const auto resume = resume_of(where);
      if (!resume) return;
      train::verify_checkpoint(*resume);
      training->check_same(*resume);
    };
    plan_one(config_, folder_);
    for (const models::Config& rival : models::rivals_of(config_))
      plan_one(rival, folder_of(rival));
  }

  /// Without weights yet. Where they do not fit, smaller micro-batches would not help.
  std::unique_ptr<Training> make(const models::Config& config, train::Log& log) const {
    try {
      return kind_->make(config, log);
    } catch (const OutOfMemoryError&) {
      throw OutOfMemoryError(
          fmt::format("[train] out of memory: the weights alone must fit, those of model.layers {} "
                      "and model.width {} do not. Hint: a smaller model.",
                      config.model.layers, config.model.width));
    }
  }
  /// The model with its data, after the lines that tell its size.
  std::unique_ptr<Training> prepare(const models::Config& config, train::Log& log) const {
    std::unique_ptr<Training> out = make(config, log);
    const models::TaskModel& model = out->model();
    check_weights_fit(model, device_);
    // Memory that nobody writes takes no room.
    if (!options_.dry_run) model.initialize(static_cast<std::uint64_t>(config.train.seed));
    if (!options_.init_from.empty()) out->load(init_from());
    if (!options_.dry_run) model.move_to(device_);  // the emulated device writes it all
    out->open(*ranks_);
    log.detail(version_text());
    log.detail(fmt::format("threads {}", omp_get_max_threads()));
    if (ranks_->size() > 1)
      log.say(fmt::format("{} processes ({}), {} of {} rows each", ranks_->size(), ranks_->name(),
                          config.train.batch_size / ranks_->size(), config.train.batch_size));
    say_plan(model, out->step_size(device_), device_, log);
    return out;
  }

  bool train_into(const models::Config& config, fs::path where) {
    train::Log log(verbosity());
    const auto training = prepare(config, log);
    const bool is_main = where == folder_;
    std::optional<RunFolder> made;
    ranks_->barrier();  // all have read their data: one that cannot leaves no folder behind
    if (ranks_->is_first()) take_folder(is_main, where, made);
    where = ranks_->broadcast(where.string());
    if (is_main) folder_ = where;
    if (!made) log.open("/dev/null");  // rank 0 writes train.log
    // Under the lock: another process may have come first.
    const auto resume = resume_of(where);
    auto outcome = train::Outcome::interrupted;
    try {
      outcome = train_prepared(*training, where, resume, log, made);
    } catch (const StoppedError&) {  // while it was evaluated
    } catch (const std::exception& error) {
      log.clear();
      log.record(fmt::format("error: {}", error.what()));
      throw;
    }
    if (outcome == train::Outcome::interrupted) log.record("stopped by a signal");
    return outcome == train::Outcome::finished;
  }

  /// By rank 0: the folder is made, and this process holds it.
  void take_folder(bool is_main, fs::path& where, std::optional<RunFolder>& made) {
    made.emplace(where);
    // Another process may have taken the name while this one read its data.
    while (is_main && options_.run.empty() && !made->is_new()) {
      where = new_run_folder(recipe());
      made.emplace(where);
    }
    if (!lock_) lock_.emplace(where);  // the first folder holds those of the rivals
  }

  train::Outcome train_prepared(Training& training, const fs::path& where,
                                const std::optional<fs::path>& resume, train::Log& log,
                                std::optional<RunFolder>& made) const {
    const models::Config& config = training.model().config();
    const train::Outcome outcome = train::run_training(
        training.task(), {.train = config.train,
                          .checkpoint = config.checkpoint,
                          .log_config = config.log,
                          .dist = config.dist,
                          .ranks = ranks_,
                          .run = where,
                          .resume = resume,
                          .log = &log,
                          .on_start = [&] {
                            if (!made) return;
                            log.open(where / "train.log");
                            write_run_files(where, config, device_, ranks_->size());
                            made->keep();
                          }});
    log.detail(fmt::format("tensors {:.1f} MB at peak", peak_tensor_megabytes(device_)));
    if (outcome == train::Outcome::finished) kind_->evaluate(training, log, *ranks_);
    return outcome;
  }

  /// The run's own configuration holds every --set of the command that is stopped.
  [[noreturn]] void throw_stopped() const {
    throw StoppedError(fmt::format(
        "stopped by a signal; {}{} train {} --config {} --run {} --resume auto", how_to_go_on(),
        shell_quoted(command_line()[0]), kind_->name(),
        shell_quoted((folder_ / models::kConfigFile).string()), shell_quoted(folder_.string())));
  }

  const train::SignalGuard signals_;
  Options options_;
  std::unique_ptr<TrainingKind> kind_;
  models::Config config_;
  Device device_ = Device::cpu;
  dist::ProcessGroup* ranks_ = nullptr;
  fs::path folder_;
  std::optional<io::DirectoryLock> lock_;
};

void add_options(CLI::App* command, const std::shared_ptr<Options>& options,
                 const std::string& quick_start) {
  command
      ->add_option("--config", options->configs,
                   "YAML file or recipe (see `config recipes`); several: later over earlier; "
                   "default " +
                       quick_start)
      ->allow_extra_args(false);
  command
      ->add_option("--set", options->overrides,
                   "KEY=VALUE over every --config, VALUE as YAML (see `config keys`)")
      ->allow_extra_args(false);
  command
      ->add_option("--run", options->run,
                   "Folder of the run, new or empty; default runs/RECIPE-DATE-TIME")
      ->check(not_empty());
  command
      ->add_option("--resume", options->resume,
                   "auto: go on with the newest checkpoint of --run, or start where it has none; "
                   "or a checkpoint folder, with its own --run or a new one; default: start")
      ->check(not_empty());
  command
      ->add_option("--init-from", options->init_from,
                   "Start from the weights of a checkpoint or run, without rivals (compare); "
                   "default: random weights")
      ->check(not_empty());
  options->device.add_to(command);
  command->add_flag("--dry-run", options->dry_run,
                    "Stop after the lines that tell parameters, memory, what a step takes, disk a "
                    "checkpoint, or at what the training would refuse; write nothing");
  options->verbosity.add_to(command);
}

void add_kind(CLI::App* train, std::unique_ptr<TrainingKind> (*make)(), const char* about,
              const char* examples) {
  const std::unique_ptr<TrainingKind> kind = make();
  CLI::App* command = train->add_subcommand(kind->name(), about);
  command->footer(examples);
  const auto options = std::make_shared<Options>();
  add_options(command, options, kind->quick_start());
  command->callback([options, make] { Session(*options, make()).run(); });
}

}  // namespace

void add_train_command(CLI::App& app) {
  CLI::App* train = app.add_subcommand("train", "Train a model");
  train->footer("  seqpe_engine train lm\n  seqpe_engine train vit");
  train->require_subcommand(1);
  add_kind(train, language_model_training,
           "Train a language model; without --config the quick start (no download, about a minute "
           "on two cores)",
           "  seqpe_engine train lm\n"
           "  seqpe_engine train lm --config lm_novels_small --set data.path=train.txt --set "
           "data.valid_path=valid.txt\n"
           "  seqpe_engine train lm --config runs/a/config.yaml --run runs/a --resume auto\n"
           "  mpirun -np 4 --bind-to none seqpe_engine train lm        4 processes "
           "(docs/multi_node.md)");
  add_kind(train, image_training,
           "Train an image classifier (ViT); without --config the quick start (generated images, "
           "about a minute on two cores)",
           "  seqpe_engine train vit\n"
           "  seqpe_engine train vit --config vit_cifar10 --set data.path=cifar-10-batches-bin\n"
           "  seqpe_engine train vit --config runs/a/config.yaml --run runs/a --resume auto\n"
           "  mpirun -np 4 --bind-to none seqpe_engine train vit       4 processes "
           "(docs/multi_node.md)");
}

}  // namespace seqpe::tools
