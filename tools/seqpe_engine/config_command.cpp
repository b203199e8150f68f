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
};

void add_inputs(CLI::App* command, const std::shared_ptr<Options>& options) {
  command->add_option("--config", options->configs, "File or recipe; several: later over earlier")
      ->allow_extra_args(false);
  command->add_option("--set", options->overrides, "KEY=VALUE, over all files")
      ->allow_extra_args(false);
}

void print_keys() {
  models::Config config;
  for (const config::Field& field : models::fields_of(config)) {
    fmt::print("{:<32} {:<36} default {:<14} {}\n", field.key, field.type, field.get(), field.doc);
  }
}

}  // namespace

void add_config_command(CLI::App& app) {
  CLI::App* config =
      app.add_subcommand("config", "Show, check and list configuration keys and recipes");
  config->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  CLI::App* show = config->add_subcommand("show", "Print the resolved configuration as YAML");
  add_inputs(show, options);
  show->callback([options] {
    models::Config resolved = models::load_config(options->configs, options->overrides);
    fmt::print("{}", config::dump(models::fields_of(resolved)));
  });
  CLI::App* validate =
      config->add_subcommand("validate", "Check a configuration; exit code 3 if it is wrong");
  add_inputs(validate, options);
  validate->callback([options] { models::load_config(options->configs, options->overrides); });
  config->add_subcommand("keys", "List every key with type, default and meaning")
      ->callback(print_keys);
  config->add_subcommand("recipes", "List the recipes that --config takes by name")->callback([] {
    for (const std::string& name : models::recipe_names()) fmt::print("{}\n", name);
  });
}

}  // namespace seqpe::tools
