// The commands of seqpe_engine, one file each. Each adds itself to the app with its options and
// what it does.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "engine/train/log.h"
#include "kernels/common/context.h"
#include "models/config/config.h"
#include "tools/whole_number.h"

namespace seqpe::tools {

void add_train_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_config_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_doctor_command(CLI::App& app);

/// "0.1.0 (commit ..., GNU 12.2.0), oneDNN ..." for --version.
std::string version_text();

/// Not "", which an unset variable of a shell leaves.
CLI::Validator not_empty();

/// Uses `threads` CPU threads; 0: one a core.
void set_threads(std::int64_t threads);

/// Takes the CPU threads that the configuration asks for, and tells the device. Throws DeviceError
/// for one that this build does not have, ConfigError for one that cannot compute the model.
Device use_device(const models::Config& config);

/// --device, the same for every command that computes with a model.
struct DeviceOption {
  std::string device;  // empty: the configuration's
  void add_to(CLI::App* command);
  /// Overrides of a configuration: the device, if there is one, then `settings` over it.
  std::vector<std::string> with(const std::vector<std::string>& settings) const;
};

/// --quiet and -v, the same for every command that works for a while.
struct VerbosityFlags {
  bool quiet = false, verbose = false;
  void add_to(CLI::App* command);
  train::Verbosity level() const;
};

/// --help tells a command's examples (its footer) before its options.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_footer(const CLI::App* app) const override;
};

/// A word in single quotes where a shell would read something else.
std::string shell_quoted(const std::string& word);

/// The words of the command line, for messages and files that repeat them.
std::vector<std::string>& command_line();

}  // namespace seqpe::tools
