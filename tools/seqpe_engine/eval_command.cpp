// seqpe_engine eval
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/warning.h"
#include "engine/data/fingerprint.h"
#include "engine/dist/alike.h"
#include "engine/train/signals.h"
#include "models/recipes/recipes.h"
#include "models/tasks/image_checks.h"
#include "models/tasks/image_files.h"
#include "models/tasks/image_task.h"
#include "models/tasks/lm_files.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/failures.h"
#include "tools/seqpe_engine/image_sizes.h"
#include "tools/seqpe_engine/ranks.h"
#include "tools/seqpe_engine/tables.h"

namespace seqpe::tools {
namespace {

/// What both tasks take.
struct Options {
  std::string checkpoint, data, tokenizer;
  DeviceOption device{"auto"};  // wherever the run was trained
  std::vector<std::int64_t> lengths;
  std::vector<std::string> sizes;
  std::int64_t max_lines = -1;
  std::vector<std::string> overrides;
  VerbosityFlags verbosity;
  bool json = false;
};

/// Options of their own, then --set over them.
std::vector<std::string> overrides_of(const Options& options) {
  std::vector<std::string> all;
  if (!options.lengths.empty())
    all.push_back(fmt::format("eval.lengths=[{}]", fmt::join(options.lengths, ", ")));
  if (!options.sizes.empty())
    all.push_back(fmt::format("eval.sizes=[{}]", fmt::join(options.sizes, ", ")));
  if (options.max_lines >= 0) all.push_back(fmt::format("eval.max_lines={}", options.max_lines));
  all.insert(all.end(), options.overrides.begin(), options.overrides.end());
  return options.device.with(all);
}

/// "RUN/checkpoints/step_00000360 (best, step 360)"
std::string told(const models::StoredModel& stored) {
  std::vector<std::string> facts;
  if (!stored.choice.empty()) facts.push_back(stored.choice);
  if (const auto step = models::step_of(stored)) facts.push_back(fmt::format("step {}", *step));
  const std::string path = stored.weights.string();
  return facts.empty() ? path : fmt::format("{} ({})", path, fmt::join(facts, ", "));
}

/// Whoever gives a text may not know that the run's configuration has a limit: that is a warning.
void tell_lines(const Options& options, std::string_view text, std::int64_t max_lines,
                train::Log& log) {
  const std::int64_t lines = data::count_lines(text);
  if (max_lines == 0 || lines <= max_lines) return;
  const std::string told = fmt::format("read {} of {} lines (eval.max_lines)", max_lines, lines);
  if (options.data.empty() || options.max_lines >= 0) return log.say(told);
  warn(fmt::format("[eval] {}. Hint: --max-lines 0 reads all.", told));
}

/// A length or a size with its result; "size" is a number where it is a square.
template <typename Result>
nlohmann::ordered_json result_json(const Result& result, const char* name,
                                   const nlohmann::ordered_json& value) {
  if (!result.evaluation) return {{name, value}, {"error", result.failure}};
  nlohmann::ordered_json out;
  for (const auto& cell : result.evaluation->row())
    std::visit([&](const auto& told) { out[cell.first] = told; }, cell.second);
  return out;
}
nlohmann::ordered_json json_of(const LengthResult& result) {
  return result_json(result, "length", result.length);
}
nlohmann::ordered_json json_of(const SizeResult& result) {
  const auto& [rows, columns] = result.size;
  if (rows == columns) return result_json(result, "size", rows);
  return result_json(result, "size", models::text_of(result.size));
}

/// The results on stdout; throws where one is not finite, or there is none.
template <typename Result>
void print_results(const Options& options, const char* task, const models::StoredModel& stored,
                   const std::string& data, const std::vector<Result>& results) {
  if (options.json) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const Result& result : results) rows.push_back(json_of(result));
    const auto step = models::step_of(stored);
    const nlohmann::ordered_json out = {{"task", task},
                                        {"checkpoint", stored.weights.string()},
                                        {"step", step ? nlohmann::ordered_json(*step) : nullptr},
                                        {"weights_sha256", models::weights_sha256(stored)},
                                        {"data", data},
                                        {"results", rows}};
    // A path may hold bytes that are no UTF-8.
    fmt::print("{}\n", out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", evaluation_table(results));
  }
  require_finite(results);
  const bool any = std::any_of(results.begin(), results.end(),
                               [](const Result& result) { return result.evaluation.has_value(); });
  const bool is_text = std::is_same_v<Result, LengthResult>;
  if (any) return;
  const char* const what = is_text ? "length" : "size";
  const auto refused = std::find_if(results.begin(), results.end(), [](const Result& result) {
    return result.failure != kOutOfMemory;
  });
  if (refused != results.end())
    throw DataError(fmt::format("[eval] no {} could be evaluated: {}", what, refused->failure));
  throw DeviceError(fmt::format("[eval] every {} ran out of memory. Hint: {}.", what,
                                is_text ? "shorter --lengths" : "smaller --sizes"));
}

/// Of ranks with other files each would compute a part of another result.
void require_same_input(dist::ProcessGroup& ranks, const models::StoredModel& stored,
                        const std::string& data) {
  if (ranks.size() == 1) return;
  const std::string weights = models::weights_sha256(stored);
  ranks.barrier();  // reading takes one longer than another
  dist::require_alike(ranks, "checkpoint (of a run that still trains name one)",
                      stored.weights.string());
  dist::require_alike(ranks, "weights", weights);
  dist::require_alike(ranks, "data", data);
}

void run_lm(const Options& options) {
  const train::SignalGuard signals;
  const auto tokenizer =
      options.tokenizer.empty() ? std::nullopt : std::optional(options.tokenizer);
  // Looked for once: the run may still train, and its best checkpoint change.
  const models::StoredModel stored = models::find_model(options.checkpoint);
  const auto model = models::open_language_model(stored, tokenizer, overrides_of(options));
  const models::Config& config = model->config();
  const Device device = use_device(config);
  dist::ProcessGroup& ranks = open_ranks(config, device);
  train::Log log(verbosity_of(ranks, options.verbosity.level()));
  model->move_to(device);
  model->compute_as_trained();
  log.detail(version_text());
  log.say("checkpoint " + told(stored));
  const std::string path = options.data.empty() ? config.data.valid_path : options.data;
  require<UsageError>(!path.empty(),
                      "[eval] --data must name a text: the checkpoint's data.valid_path is empty.");
  const std::string text = models::read_data(path);
  tell_lines(options, text, config.eval.max_lines, log);
  const auto chunks = data::tokenize_text(text, model->tokenizer(),
                                          config.data.text_options(config.eval.max_lines));
  require_same_input(ranks, stored, data::fingerprint(chunks));
  const auto results =
      evaluate_lengths(*model, chunks, models::evaluation_lengths(config), log, {}, ranks);
  if (ranks.is_first()) print_results(options, "lm", stored, path, results);
}

void run_vit(const Options& options) {
  const train::SignalGuard signals;
  const models::StoredModel stored = models::find_model(options.checkpoint);
  const auto model = models::open_image_classifier(stored, overrides_of(options));
  models::Config config = model->config();
  if (!options.data.empty()) config.data.valid_path = options.data;
  const Device device = use_device(config);
  dist::ProcessGroup& ranks = open_ranks(config, device);
  train::Log log(verbosity_of(ranks, options.verbosity.level()));
  model->move_to(device);
  model->compute_as_trained();
  log.detail(version_text());
  log.say("checkpoint " + told(stored));
  const auto images = models::open_images(config, data::Split::test,
                                          train::EvaluationProgress(log, "decoding images"));
  models::check_same_classes(images->classes(), stored.weights);
  if (options.data.empty()) models::warn_of_seen_images(config, *images);
  const std::string path =
      config.data.valid_path.empty() ? config.data.path : config.data.valid_path;
  require_same_input(ranks, stored, data::fingerprint(*images));
  const auto results = evaluate_sizes(*model, *images, log, {}, ranks);
  if (ranks.is_first()) print_results(options, "vit", stored, path, results);
}

void add_common(CLI::App* command, const std::shared_ptr<Options>& options) {
  command
      ->add_option("--set", options->overrides,
                   "KEY=VALUE over the run's configuration, VALUE as YAML (see `config keys`)")
      ->allow_extra_args(false);
  options->device.add_to(command);
  command->add_flag("--json", options->json, "One JSON object on stdout, numbers unrounded");
  options->verbosity.add_to(command);
}

void add_lm(CLI::App* eval) {
  CLI::App* lm = eval->add_subcommand(
      "lm",
      "Token and word perplexity of a language model at any lengths. A length that runs out "
      "of memory, whose loss is not finite or for which the text is too short, is told, the others "
      "stand.");
  lm->footer(
      "  seqpe_engine eval lm --checkpoint runs/NAME\n"
      "  seqpe_engine eval lm --checkpoint runs/NAME --data text.txt --lengths 512,1024,32768 "
      "--json\n"
      "  seqpe_engine eval lm --checkpoint REFERENCE_RUN --tokenizer gpt2 --data text.txt");
  const auto options = std::make_shared<Options>();
  lm->add_option("--checkpoint", options->checkpoint,
                 "A checkpoint, a run (best, else latest checkpoint) or a run of the reference")
      ->required();
  lm->add_option("--data", options->data, "Text file; default: the run's data.valid_path")
      ->check(not_empty());
  lm->add_option("--tokenizer", options->tokenizer,
                 "Folder of tokenizer files, or bytes; default: the checkpoint's own")
      ->check(not_empty());
  lm->add_option("--lengths", options->lengths, "Tokens a block; default: the run's eval.lengths")
      ->delimiter(',')
      ->check(at_least(1));
  lm->add_option("--max-lines", options->max_lines,
                 "Lines of the text to read, 0: all; default: the run's eval.max_lines")
      ->check(at_least(0));
  add_common(lm, options);
  lm->callback([options] { run_lm(*options); });
}

CLI::Validator image_size() {
  return {[](const std::string& text) {
            return models::image_size_of(text)
                       ? std::string()
                       : fmt::format("must be N or ROWSxCOLUMNS pixels, got '{}'", text);
          },
          ""};
}

void add_vit(CLI::App* eval) {
  CLI::App* vit = eval->add_subcommand(
      "vit",
      "Top-1 and top-5 accuracy and loss of an image classifier at any sizes. A size that runs out "
      "of memory, whose loss is not finite or that the images do not allow, is told, the others "
      "stand.");
  vit->footer(
      "  seqpe_engine eval vit --checkpoint runs/NAME\n"
      "  seqpe_engine eval vit --checkpoint runs/NAME --data imagenet --sizes 224,384,512x640 "
      "--json");
  const auto options = std::make_shared<Options>();
  vit->add_option("--checkpoint", options->checkpoint,
                  "A checkpoint, or a run (best, else latest checkpoint)")
      ->required();
  vit->add_option("--data", options->data,
                  "Images (folder or file, see `data inspect`); default: those of the run")
      ->check(not_empty());
  vit->add_option("--sizes", options->sizes,
                  "Pixels, N or ROWSxCOLUMNS; default: the run's eval.sizes")
      ->delimiter(',')
      ->check(image_size());
  add_common(vit, options);
  vit->callback([options] { run_vit(*options); });
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* eval = app.add_subcommand("eval", "Evaluate a trained model");
  eval->footer(
      "  seqpe_engine eval lm --checkpoint runs/NAME\n"
      "  seqpe_engine eval vit --checkpoint runs/NAME");
  eval->require_subcommand(1);
  add_lm(eval);
  add_vit(eval);
}

}  // namespace seqpe::tools
