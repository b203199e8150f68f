// The machine that this process runs on.
#pragma once

#include <string>

namespace seqpe::dist {

/// By which other hosts know it.
std::string host_name();

}  // namespace seqpe::dist
