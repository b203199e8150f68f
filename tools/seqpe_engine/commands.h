// The commands of seqpe_engine, one file each. Each adds itself to the app with its options and
// what it does.
#pragma once

#include <CLI/CLI.hpp>

namespace seqpe::tools {

void add_train_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_config_command(CLI::App& app);
void add_bench_command(CLI::App& app);

/// "0.1.0 (commit ..., GNU 12.2.0), oneDNN ..." for --version.
std::string version_text();

/// Uses `threads` CPU threads; 0: one a core.
void set_threads(std::int64_t threads);

/// The exit code of a command that did not fail by an error, for main.
int& exit_code();

}  // namespace seqpe::tools
