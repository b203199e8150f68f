// Addresses of a kernel's code as a reader knows them, by the program's debug information
// (addr2line), which is slow the first time: for reports.
#pragma once

#include <string>

namespace seqpe::simt {

constexpr const char* kUnknownLine = "an unknown line";

/// "kernels/cuda/layer_norm.cu:57": the innermost line of the code before `site`, a return address,
/// that is not in the emulator's own headers; kUnknownLine if there is none.
std::string source_line(const void* site);

/// "softmax_forward_warp_per_row_kernel<bf16, 8, 4>": the function at `code`, without namespaces,
/// result and arguments.
std::string function_name(const void* code);

}  // namespace seqpe::simt
