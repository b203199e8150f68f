// Memory from the system for tensors and kernels' scratch on the CPU.
#pragma once

#include <cstddef>

namespace seqpe::kernels {

/// `bytes` bytes aligned to 64, for std::free; null if there is no such memory. Large blocks ask
/// for pages of 2 MiB: a product walks down columns, a page a row, and with pages of 4 KiB the
/// processor looks up most of them anew.
void* allocate_on_host(std::size_t bytes);

}  // namespace seqpe::kernels
