#pragma once

#include <CLI/CLI.hpp>

namespace seqpe::tools {

void add_bench_data_command(CLI::App& bench);

}  // namespace seqpe::tools
