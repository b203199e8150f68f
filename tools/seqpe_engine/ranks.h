// The processes of this command, which a launcher may have started several of.
#pragma once

#include <string>

#include "engine/dist/process_group.h"
#include "engine/train/log.h"
#include "models/config/config.h"

namespace seqpe::tools {

/// This process and those it was started with, for a command that computes by `config` on `device`.
/// Warnings are told by rank 0 alone from then on. Throws ConfigError where another rank has
/// another configuration, command or build.
dist::ProcessGroup& open_ranks(const models::Config& config, Device device);

// The same in two steps: what connects the hosts, then the devices as well.
dist::ProcessGroup& open_hosts(const models::Config& config, Device device);
dist::ProcessGroup& connect_devices(const models::Config& config, Device device);

/// How loud this rank may be: those but the first are quiet.
train::Verbosity verbosity_of(const dist::ProcessGroup& ranks, train::Verbosity verbosity);

/// What stands before the command that takes up a stopped one: "go on with: mpirun -np 2 ...".
std::string how_to_go_on();

/// What the process ends with, told to the person: behind "[rank 2] " where it is not alone.
void tell_error(const std::string& what);
/// Whether this process is the one that speaks for all.
bool speaks_for_all();

/// Parts from the other ranks as the process ends with `code`: in good order after a success, or
/// where they stopped together; else by ending them. What it ends with at last: another code where
/// a rank did not come to the end.
int close_ranks(int code);

}  // namespace seqpe::tools
