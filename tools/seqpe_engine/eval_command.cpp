// seqpe_engine eval lm
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "models/recipes/recipes.h"
#include "models/tasks/language_model.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/tables.h"

namespace seqpe::tools {
namespace {

struct Options {
  std::string checkpoint, data, tokenizer;
  std::vector<std::int64_t> lengths;
  std::int64_t max_lines = 0;
  std::vector<std::string> overrides;
  bool json = false;
};

nlohmann::ordered_json row_json(const train::EvalRow& row) {
  nlohmann::ordered_json out;
  for (const auto& [name, value] : row) {
    const bool is_count =
        name == "length" || name == "tokens" || name == "words" || name == "blocks";
    if (is_count) {
      out[name] = static_cast<std::int64_t>(value);
    } else {
      out[name] = value;
    }
  }
  return out;
}

void run(const Options& options) {
  const auto tokenizer =
      options.tokenizer.empty() ? std::nullopt : std::optional(options.tokenizer);
  const auto model = models::open_language_model(options.checkpoint, tokenizer, options.overrides);
  const models::Config& config = model->config();
  set_threads(config.train.threads);
  const std::string path = options.data.empty() ? config.data.valid_path : options.data;
  require<UsageError>(!path.empty(),
                      "[eval] --data must name a text: the checkpoint's data.valid_path is empty.");
  const std::int64_t max_lines = options.max_lines > 0 ? options.max_lines : config.eval.max_lines;
  const auto chunks = data::tokenize_text(models::read_data(path), model->tokenizer(),
                                          config.data.text_options(max_lines));
  std::vector<std::int64_t> lengths =
      !options.lengths.empty() ? options.lengths : config.eval.lengths;
  if (lengths.empty()) lengths.push_back(config.data.block_size);

  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  std::vector<train::EvalRow> rows;
  for (const std::int64_t length : lengths) {
    require<UsageError>(length >= 1, "[eval] --lengths must be >= 1, got {}.", length);
    rows.push_back(models::evaluate_length(*model, chunks, length));
    results.push_back(row_json(rows.back()));
    if (!options.json) fmt::print(stderr, "length {} done\n", length);
  }
  if (!options.json) return fmt::print("{}", evaluation_table(rows));
  const nlohmann::ordered_json out = {
      {"task", "lm"},
      {"checkpoint", options.checkpoint},
      {"weights_sha256", models::weights_sha256(options.checkpoint)},
      {"data", path},
      {"results", results}};
  fmt::print("{}\n", out.dump(1));
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* eval = app.add_subcommand("eval", "Evaluate a trained model");
  eval->require_subcommand(1);
  CLI::App* lm =
      eval->add_subcommand("lm",
                           "Token and word perplexity of a language model at any lengths\n\n"
                           "Examples:\n"
                           "  seqpe_engine eval lm --checkpoint runs/NAME\n"
                           "  seqpe_engine eval lm --checkpoint runs/NAME --data text.txt "
                           "--lengths 512,1024,32768 --json");
  const auto options = std::make_shared<Options>();
  lm->add_option("--checkpoint", options->checkpoint,
                 "A checkpoint, a run (best, else latest checkpoint) or a run of the reference")
      ->required();
  lm->add_option("--data", options->data, "Text; default: the run's validation text");
  lm->add_option("--tokenizer", options->tokenizer,
                 "Folder of tokenizer files, or bytes; default: the checkpoint's");
  lm->add_option("--lengths", options->lengths, "Tokens a block; default: the run's eval.lengths")
      ->delimiter(',');
  lm->add_option("--max-lines", options->max_lines, "Read so many lines of the text; default: all")
      ->check(CLI::NonNegativeNumber);
  lm->add_option("--set", options->overrides, "KEY=VALUE of the configuration")
      ->allow_extra_args(false);
  lm->add_flag("--json", options->json, "One JSON object on stdout");
  lm->callback([options] { run(*options); });
}

}  // namespace seqpe::tools
