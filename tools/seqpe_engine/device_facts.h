// What the device `cuda` is on this machine, for `doctor` and for a run's env.json.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace seqpe::tools {

/// Names with what is to be told of them.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// The device cuda of this build, the driver, and what a GPU says of itself.
Facts device_facts();

}  // namespace seqpe::tools
