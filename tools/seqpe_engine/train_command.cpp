// seqpe_engine train lm
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/version.h"
#include "engine/io/file.h"
#include "engine/train/checkpoint.h"
#include "engine/train/loop.h"
#include "models/tasks/language_model.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/tables.h"

namespace seqpe::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQuickStart = "quickstart_lm";
constexpr int kStoppedBySignal = 75;

struct Options {
  std::vector<std::string> configs, overrides;
  std::string run, resume, init_from, device = "auto", command;
  bool dry_run = false, quiet = false;
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
  if (options.resume != "auto") return fs::path(options.resume);
  require<UsageError>(!options.run.empty(), "[run] --resume auto needs --run DIR.");
  return train::newest_checkpoint(run);
}

void write_run_files(const fs::path& run, const models::Config& config,
                     const std::string& command) {
  models::Config copy = config;
  io::write_file_atomic(run / "config.yaml", config::dump(models::fields_of(copy)));
  io::write_file_atomic(run / "command.txt", command + "\n");
  const nlohmann::ordered_json environment = {
      {"version", version()}, {"commit", SEQPE_COMMIT}, {"compiler", SEQPE_COMPILER}};
  io::write_file_atomic(run / "env.json", environment.dump(1) + "\n");
}

void say_plan(const models::LanguageModel& model, const models::LmTask& task) {
  const models::Config& config = model.config();
  std::int64_t model_count = 0, encoder_count = 0;
  for (const auto& parameter : model.parameters()) {
    (parameter.group == "encoder" ? encoder_count : model_count) += parameter.value.numel();
  }
  const double megabyte = 1024.0 * 1024.0,
               state = 4.0 * static_cast<double>(model_count + encoder_count);
  // Per token and layer about 34 widths live for backward (qkv, attention, MLP of 4 widths, norms,
  // residuals).
  const double activations =
      4.0 * 34.0 *
      static_cast<double>(config.train.micro_batch() * config.data.block_size * config.model.width *
                          config.model.layers);
  fmt::print(stderr,
             "positions {}, {:.2f} M parameters in the model, {:.2f} M in the position encoder\n"
             "{} steps of {} tokens, {} training tokens\n"
             "about {:.0f} MB at peak, {:.0f} MB a checkpoint\n",
             models::position_names()[static_cast<std::size_t>(config.model.position)],
             static_cast<double>(model_count) / 1e6, static_cast<double>(encoder_count) / 1e6,
             config.train.steps, config.train.batch_size * config.data.block_size,
             task.training_tokens(), (4 * state + activations) / megabyte, 3 * state / megabyte);
}

struct Trained {
  train::Outcome outcome = train::Outcome::finished;
  std::vector<train::EvalRow> rows;  // a row a length
  std::string sample;
};

Trained train_one(const models::Config& config, const Options& options, const fs::path& run,
                  const std::optional<fs::path>& resume) {
  const models::LanguageModel model(config, data::load_tokenizer(config.data.tokenizer));
  model.initialize(static_cast<std::uint64_t>(config.train.seed));
  if (!options.init_from.empty()) models::load_weights(model, options.init_from);
  models::LmTask task(model);
  if (!options.quiet) say_plan(model, task);
  if (options.dry_run) return {};
  write_run_files(run, model.config(), options.command);
  Trained trained;
  trained.outcome = train::run_training(task, {.train = config.train,
                                               .checkpoint = config.checkpoint,
                                               .log = config.log,
                                               .run = run,
                                               .resume = resume,
                                               .quiet = options.quiet});
  if (trained.outcome == train::Outcome::interrupted || task.validation().empty()) return trained;
  for (const std::int64_t length : config.eval.lengths) {
    trained.rows.push_back(models::evaluate_length(model, task.validation(), length));
  }
  trained.sample =
      models::generate(model, "It was ", 160, 0.8, static_cast<std::uint64_t>(config.train.seed));
  return trained;
}

void run(Options options) {
  if (options.configs.empty()) options.configs = {kQuickStart};
  require<DeviceError>(options.device != "cuda",
                       "[device] this build has no CUDA kernels. Hint: --device cpu.");
  const models::Config config = models::load_config(options.configs, options.overrides);
  set_threads(config.train.threads);
  if (options.dry_run) {
    train_one(config, options, {}, std::nullopt);
    return;
  }
  const fs::path folder = new_run_folder(options);
  const auto resume = checkpoint_to_resume(options, folder);
  fs::create_directories(folder);
  const io::DirectoryLock lock(folder);

  std::vector<std::pair<std::string, std::vector<train::EvalRow>>> table;
  std::string sample;
  const auto train_into = [&](const models::Config& one, const fs::path& where,
                              const std::optional<fs::path>& from) {
    const Trained trained = train_one(one, options, where, from);
    const auto kind = static_cast<std::size_t>(one.model.position);
    if (!trained.rows.empty()) table.emplace_back(models::position_names()[kind], trained.rows);
    if (sample.empty()) sample = trained.sample;
    return trained.outcome == train::Outcome::finished;
  };
  bool finished = train_into(config, folder, resume);
  for (std::size_t i = 0; finished && i < config.compare.size(); ++i) {
    models::Config rival = config;
    rival.compare.clear();
    const auto& names = models::position_names();
    rival.model.position = static_cast<models::PositionKind>(
        std::find(names.begin(), names.end(), config.compare[i]) - names.begin());
    const fs::path where = folder / ("rival_" + config.compare[i]);
    fs::create_directories(where);
    finished = train_into(rival, where,
                          options.resume.empty() ? std::nullopt : train::newest_checkpoint(where));
  }
  if (!finished) {
    fmt::print(stderr,
               "stopped by a signal; go on with: seqpe_engine train lm --config {} --run {} "
               "--resume auto\n",
               options.configs.back(), folder.string());
    exit_code() = kStoppedBySignal;
    return;
  }
  if (!table.empty()) {
    fmt::print(
        "Token perplexity on the validation text by evaluation length (trained at {}):\n\n{}\n",
        config.data.block_size, perplexity_table(table));
    fmt::print("A sample:\n\n{}\n\n", sample);
  }
  fmt::print("Run: {}\n", folder.string());
}

}  // namespace

void add_train_command(CLI::App& app) {
  CLI::App* train = app.add_subcommand("train", "Train a model");
  train->require_subcommand(1);
  CLI::App* lm = train->add_subcommand(
      "lm",
      "Train a language model; without --config the quick start (no download, under a minute on "
      "two cores)\n\n"
      "Examples:\n"
      "  seqpe_engine train lm\n"
      "  seqpe_engine train lm --config lm_novels_small --set data.path=train.txt --set "
      "data.valid_path=valid.txt\n"
      "  seqpe_engine train lm --config quickstart_lm --run runs/a --resume auto");
  const auto options = std::make_shared<Options>();
  lm->add_option("--config", options->configs, "YAML file or recipe; several: later over earlier")
      ->allow_extra_args(false);
  lm->add_option("--set", options->overrides,
                 "KEY=VALUE over the configuration (see `config keys`)")
      ->allow_extra_args(false);
  lm->add_option("--run", options->run, "Folder of the run; default runs/RECIPE-DATE-TIME");
  lm->add_option("--resume", options->resume,
                 "auto (the newest checkpoint of --run, if any) or a checkpoint folder");
  lm->add_option("--init-from", options->init_from,
                 "Start from the weights of a checkpoint folder");
  lm->add_option("--device", options->device, "auto, cpu or cuda; default auto")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  lm->add_flag("--dry-run", options->dry_run, "Stop after the lines that tell size and memory");
  lm->add_flag("--quiet", options->quiet, "No progress on stderr");
  lm->callback([options, lm] {
    options->command = "seqpe_engine train lm";
    for (const CLI::Option* option : lm->parse_order()) {
      for (const std::string& value : option->results())
        options->command += " " + option->get_name() + " " + value;
    }
    run(*options);
  });
}

}  // namespace seqpe::tools
