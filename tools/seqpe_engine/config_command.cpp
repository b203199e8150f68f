// seqpe_engine config show|validate|keys|recipes
#include <fmt/format.h>

#include <memory>

#include "models/config/config.h"
#include "models/recipes/recipes.h"
#include "tools/seqpe_engine/commands.h"

namespace seqpe::tools {
namespace {

struct Options {
  std::vector<std::string> configs, overrides;
  bool markdown = false;
};

void add_inputs(CLI::App* command, const std::shared_ptr<Options>& options) {
  command
      ->add_option(
          "--config", options->configs,
          "YAML file or recipe; several: later over earlier; default: the schema's defaults")
      ->allow_extra_args(false);
  command->add_option("--set", options->overrides, "KEY=VALUE over all files, VALUE as YAML")
      ->allow_extra_args(false);
}

void print_keys() {
  models::Config config;
  fmt::print("{:<32} {:<36} {:<22} {}\n", "key", "type", "default", "meaning");
  for (const config::Field& field : models::fields_of(config)) {
    fmt::print("{:<32} {:<36} {:<22} {}\n", field.key, field.type, field.get(), field.doc);
  }
}

/// docs/configuration.md
void print_markdown() {
  models::Config config;
  fmt::print(
      "# Configuration\n\nEvery key of a run, as `seqpe_engine config keys --markdown` prints "
      "them. A file holds them as nested YAML (`train: {{steps: "
      "1000}}`); `--set train.steps=1000` sets one on the command line. `include: NAME` reads "
      "another file or a recipe first. Unknown keys and values of another type are "
      "refused.\n\n| key | type | default | meaning |\n|---|---|---|---|\n");
  for (const config::Field& field : models::fields_of(config)) {
    fmt::print("| `{}` | {} | `{}` | {} |\n", field.key, field.type, field.get(), field.doc);
  }
}

}  // namespace

void add_config_command(CLI::App& app) {
  CLI::App* config =
      app.add_subcommand("config", "Show, check and list configuration keys and recipes");
  config->footer("  seqpe_engine config keys\n  seqpe_engine config show --config quickstart_lm");
  config->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  CLI::App* show = config->add_subcommand("show", "Print the resolved configuration as YAML");
  show->footer(
      "  seqpe_engine config show --config quickstart_lm --set train.steps=100 > mine.yaml");
  add_inputs(show, options);
  show->callback([options] {
    models::Config resolved = models::load_config(options->configs, options->overrides);
    fmt::print("{}", config::dump(models::fields_of(resolved)));
  });
  CLI::App* validate =
      config->add_subcommand("validate", "Check a configuration; exit code 3 if it is wrong");
  validate->footer("  seqpe_engine config validate --config mine.yaml");
  add_inputs(validate, options);
  validate->callback([options] { models::load_config(options->configs, options->overrides); });
  CLI::App* keys = config->add_subcommand(
      "keys", "List every key with type or allowed values, default, meaning");
  keys->footer("  seqpe_engine config keys | grep seqpe.encoder");
  keys->add_flag("--markdown", options->markdown, "As the text of docs/configuration.md");
  keys->callback([options] { options->markdown ? print_markdown() : print_keys(); });
  CLI::App* recipes =
      config->add_subcommand("recipes", "List the recipes that --config takes by name");
  recipes->footer("  seqpe_engine config recipes");
  recipes->callback([] {
    for (const std::string& name : models::recipe_names()) fmt::print("{}\n", name);
  });
}

}  // namespace seqpe::tools
