// What a user should know though the work goes on.
#pragma once

#include <string>

namespace seqpe {

/// Prints a line on stderr.
void warn(const std::string& message);
/// From now on warnings are not printed: another process tells them.
void silence_warnings();

}  // namespace seqpe
