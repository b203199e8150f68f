// Text for the person at the terminal.
#pragma once

#include <string_view>

namespace seqpe {

/// Writes to stderr at once. What cannot be written (a full disk, a reader that left) is lost: no
/// work must end for it.
void tell(std::string_view text) noexcept;

}  // namespace seqpe
