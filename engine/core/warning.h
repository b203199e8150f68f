// What a user should know though the work goes on.
#pragma once

#include <string>

namespace seqpe {

/// Prints a line on stderr.
void warn(const std::string& message);

}  // namespace seqpe
