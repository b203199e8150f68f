// seqpe_engine train lm
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <omp.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/allocator.h"
#include "engine/core/version.h"
#include "engine/io/file.h"
#include "engine/ops/cross_entropy.h"
#include "engine/train/checkpoint.h"
#include "engine/train/loop.h"
#include "engine/train/signals.h"
#include "kernels/common/isa.h"
#include "models/tasks/lm_files.h"
#include "models/tasks/lm_generation.h"
#include "models/tasks/lm_task.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/tables.h"

namespace seqpe::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQuickStart = "quickstart_lm";
constexpr double kMegabyte = 1024.0 * 1024.0;

struct Options {
  std::vector<std::string> configs, overrides;
  std::string run, resume, init_from, device;
  VerbosityFlags verbosity;
  bool dry_run = false;
};

fs::path new_run_folder(const Options& options) {
  if (!options.run.empty()) return options.run;
  const std::string recipe = fs::path(options.configs.back()).stem();
  const std::time_t now = std::time(nullptr);
  const fs::path base =
      fs::path("runs") / fmt::format("{}-{:%Y%m%d-%H%M%S}", recipe, fmt::localtime(now));
  fs::path folder = base;
  for (int n = 2; fs::exists(folder); ++n) folder = fmt::format("{}-{}", base.string(), n);
  return folder;
}

bool holds_no_run(const fs::path& folder) {
  if (!fs::exists(folder)) return true;
  require<UsageError>(fs::is_directory(folder), "[run] {} must be a folder, it is a file.",
                      folder.string());
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != ".lock") return false;
  }
  return true;
}

/// The checkpoint to go on from: none to start fresh.
std::optional<fs::path> checkpoint_to_resume(const Options& options, const fs::path& run) {
  if (options.resume.empty()) {
    require<UsageError>(
        holds_no_run(run),
        "[run] {} must be empty for a new run. Hint: --resume auto goes on with it.", run.string());
    return std::nullopt;
  }
  if (options.resume == "auto") {
    require<UsageError>(!options.run.empty(), "[run] --resume auto needs --run DIR.");
    return train::newest_checkpoint(run);
  }
  require<UsageError>(
      holds_no_run(run) || train::is_of_run(options.resume, run),
      "[run] {} must be empty to go on from {}, which is not of that run. Hint: choose another "
      "--run.",
      run.string(), options.resume);
  return fs::path(options.resume);
}

void write_run_files(const fs::path& run, const models::Config& config) {
  models::Config copy = config;
  io::write_file_atomic(run / models::kConfigFile, config::dump(models::fields_of(copy)));
  std::string commands;  // a run that was resumed has several
  if (fs::exists(run / "command.txt")) commands = io::read_text<Error>(run / "command.txt");
  io::write_file_atomic(run / "command.txt", commands + command_line() + "\n");
  const nlohmann::ordered_json environment = {
      {"version", version()},
      {"commit", SEQPE_COMMIT},
      {"compiler", SEQPE_COMPILER},
      {"gemm", SEQPE_GEMM_NAME},
      {"instruction_set", kernels::name_of(kernels::active_isa())},
      {"threads", omp_get_max_threads()}};
  io::write_file_atomic(run / "env.json", environment.dump(1) + "\n");
}

// Widths that a token of a block keeps for its backward, and those of the moment at the peak; both
// measured (-v tells the peak) at several depths, batches and encoders.
constexpr double kModelWidths = 18, kModelOnce = 14, kEncoderWidths = 14, kEncoderOnce = 2;

/// Numbers of the position encoder's activations, all blocks of a shifted step and both losses. Its
/// last block computes one token a position.
double encoder_numbers(const models::Config& config) {
  if (config.model.position != models::PositionKind::seqpe) return 0;
  const auto& shift = config.seqpe.shift;
  const auto& contrastive = config.seqpe.contrastive;
  const auto& transfer = config.seqpe.transfer;
  const bool shifts = shift.rate > 0 && config.train.batch_size % shift.blocks == 0;
  std::int64_t positions = (shifts ? shift.blocks : 1) * config.data.block_size;
  if (contrastive.weight > 0) positions += contrastive.pivots * (1 + contrastive.candidates);
  if (transfer.weight > 0) positions += transfer.starts * transfer.indices;
  const auto& encoder = config.seqpe.encoder;
  return static_cast<double>(positions * (config.seqpe.max_digits + 1) * encoder.width) *
         (kEncoderWidths * static_cast<double>(encoder.layers - 1) + kEncoderOnce);
}

/// Bytes of tensors while training: weights, gradients and both moments (in mixed precision the
/// rounded weights too); activations; the head.
double expected_peak(const models::LanguageModel& model, std::int64_t parameter_count) {
  const models::Config& config = model.config();
  const auto tokens = static_cast<double>(config.train.micro_batch() * config.data.block_size);
  const double activations = tokens * static_cast<double>(config.model.width) *
                             (kModelWidths * static_cast<double>(config.model.layers) + kModelOnce);
  const std::int64_t vocab = model.tokenizer().vocab_size();
  const std::int64_t rows =
      ops::rows_of_logits_at_once(config.train.micro_batch() * config.data.block_size, vocab);
  // A chunk of logits, and the head's gradient before it is added to that of the embedding.
  const auto head = static_cast<double>((rows + config.model.width) * vocab);
  const auto compute = config.train.compute_dtype();
  const auto element = static_cast<double>(size_of(compute.value_or(DType::f32)));
  const double a_parameter = 4 * sizeof(float) + (compute ? element : 0.0);
  return a_parameter * static_cast<double>(parameter_count) +
         element * (activations + head + encoder_numbers(config));
}

/// 3456 as "3.5 K", 858000 as "0.86 M".
std::string shortened(std::int64_t count) {
  const auto value = static_cast<double>(count);
  return count < 100'000 ? fmt::format("{:.1f} K", value / 1e3)
                         : fmt::format("{:.2f} M", value / 1e6);
}

/// "0.215 MB", "787 MB", "48.8 GB".
std::string size_text(double bytes) {
  const double megabytes = bytes / kMegabyte;
  return megabytes < 1000 ? fmt::format("{:.3g} MB", megabytes)
                          : fmt::format("{:.1f} GB", megabytes / 1024);
}

const std::string& position_name(const models::Config& config) {
  return models::position_names()[static_cast<std::size_t>(config.model.position)];
}

void say_plan(const models::LanguageModel& model, const models::LmTask& task, train::Log& log) {
  const models::Config& config = model.config();
  std::int64_t model_count = 0, encoder_count = 0;
  for (const auto& parameter : model.parameters()) {
    (parameter.group == "encoder" ? encoder_count : model_count) += parameter.value.numel();
  }
  const std::int64_t all = model_count + encoder_count;
  log.say(fmt::format("positions {}, {} parameters in the model, {} in the position encoder",
                      position_name(config), shortened(model_count), shortened(encoder_count)));
  log.say(fmt::format("{} steps of {} tokens, {} training tokens", config.train.steps,
                      config.train.batch_size * config.data.block_size, task.training_tokens()));
  log.say(fmt::format("about {} of tensors at peak, {} a checkpoint",
                      size_text(expected_peak(model, all)),
                      size_text(static_cast<double>(3 * all) * sizeof(float))));
}

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
    std::vector<std::string> overrides;
    if (!options_.device.empty()) overrides.push_back("train.device=" + options_.device);
    overrides.insert(overrides.end(), options_.overrides.begin(), options_.overrides.end());
    config_ = models::load_config(options_.configs, overrides);
    require<UsageError>(options_.init_from.empty() || config_.compare.empty(),
                        "[train] --init-from must come without rivals (compare), which start from "
                        "random weights, got compare [{}]. Hint: --set compare=[].",
                        fmt::join(config_.compare, ", "));
    device_ = use_device(config_.train);
  }

  void run() {
    if (options_.dry_run) {
      train::Log log(options_.verbosity.level());
      prepare(config_, log);
      for (const models::Config& rival : models::rivals_of(config_)) prepare(rival, log);
      return;
    }
    folder_ = new_run_folder(options_);
    // Refuses before anything is read.
    const auto resume = checkpoint_to_resume(options_, folder_);
    require<UsageError>(!resume || options_.init_from.empty(),
                        "[train] --init-from starts a run, this one goes on from {}. Hint: leave "
                        "one of --init-from and --resume out.",
                        resume ? resume->string() : "");
    bool finished = train_into(config_, folder_);
    for (const models::Config& rival : models::rivals_of(config_))
      finished = finished && train_into(rival, folder_ / ("rival_" + position_name(rival)));
    finished ? print_results() : say_how_to_go_on();
  }

 private:
  /// The model with its data, after the lines that tell its size.
  struct Prepared {
    std::unique_ptr<models::LanguageModel> model;
    std::unique_ptr<models::LmTask> task;
  };
  Prepared prepare(const models::Config& config, train::Log& log) const {
    Prepared out;
    out.model = std::make_unique<models::LanguageModel>(
        config, data::load_tokenizer(config.data.tokenizer));
    // Memory that nobody writes takes no room.
    if (!options_.dry_run) out.model->initialize(static_cast<std::uint64_t>(config.train.seed));
    if (!options_.init_from.empty())
      models::load_weights(*out.model, models::find_model(options_.init_from).weights);
    out.model->move_to(device_);
    out.task = std::make_unique<models::LmTask>(*out.model);
    log.detail(version_text());
    log.detail(fmt::format("threads {}", omp_get_max_threads()));
    say_plan(*out.model, *out.task, log);
    return out;
  }

  bool train_into(const models::Config& config, const fs::path& where) {
    train::Log log(options_.verbosity.level());
    const Prepared prepared = prepare(config, log);
    std::error_code failure;
    const bool created = fs::create_directories(where, failure);
    require<UsageError>(!failure, "[run] cannot make the folder {}: {}.", where.string(),
                        failure.message());
    if (!lock_) lock_.emplace(where);  // the first folder holds those of the rivals
    const bool is_main = where == folder_;
    // Under the lock: another process may have come first.
    const auto resume = is_main                   ? checkpoint_to_resume(options_, where)
                        : options_.resume.empty() ? std::nullopt
                                                  : train::newest_checkpoint(where);
    Trained trained;
    try {
      trained = train_prepared(prepared, where, resume, log);
    } catch (const StoppedError&) {
      trained.outcome = train::Outcome::interrupted;
    } catch (const std::exception& error) {
      log.clear();
      log.record(fmt::format("error: {}", error.what()));
      const bool started = fs::exists(where / models::kConfigFile);
      if (created && !started) fs::remove_all(where);  // a refused checkpoint leaves no trace
      throw;
    }
    if (!trained.results.empty()) table_.emplace_back(position_name(config), trained.results);
    if (sample_.empty()) sample_ = trained.sample;
    return trained.outcome == train::Outcome::finished;
  }

  Trained train_prepared(const Prepared& prepared, const fs::path& where,
                         const std::optional<fs::path>& resume, train::Log& log) const {
    const models::Config& config = prepared.model->config();
    Trained trained;
    trained.outcome = train::run_training(*prepared.task, {.train = config.train,
                                                           .checkpoint = config.checkpoint,
                                                           .log_config = config.log,
                                                           .run = where,
                                                           .resume = resume,
                                                           .log = &log,
                                                           .on_start = [&] {
                                                             log.open(where / "train.log");
                                                             write_run_files(where, config);
                                                           }});
    log.detail(fmt::format("tensors {:.1f} MB at peak",
                           static_cast<double>(allocator(device_).stats().peak) / kMegabyte));
    if (trained.outcome == train::Outcome::interrupted || prepared.task->validation().empty())
      return trained;
    trained.results = evaluate_lengths(*prepared.model, prepared.task->validation(),
                                       models::evaluation_lengths(config), log);
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
  void say_how_to_go_on() const {
    fmt::print(stderr,
               "stopped by a signal; go on with: {} train lm --config {} --run {} --resume auto\n",
               program(), (folder_ / models::kConfigFile).string(), folder_.string());
    exit_code() = StoppedError("").exit_code();
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
                 "Folder of the run, new or empty; default runs/RECIPE-DATE-TIME");
  lm->add_option("--resume", options->resume,
                 "auto: go on with the newest checkpoint of --run, or start where it has none; or "
                 "a checkpoint folder, with its own --run or a new one; default: start");
  lm->add_option(
      "--init-from", options->init_from,
      "Start from the weights of a checkpoint or run, without rivals (compare); default: "
      "random weights");
  lm->add_option("--device", options->device, "Where to compute; default train.device")
      ->check(CLI::IsMember(kDevices));
  lm->add_flag("--dry-run", options->dry_run,
               "Stop after the lines that tell parameters, memory, tokens a step, disk a "
               "checkpoint; write nothing");
  options->verbosity.add_to(lm);
  lm->callback([options] { Session(*options).run(); });
}

}  // namespace seqpe::tools
