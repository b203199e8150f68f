// From a status of the CUDA run time to an error.
#pragma once

namespace seqpe::simt {

/// Throws DeviceError with CUDA's own words unless `status` (a cudaError_t) is success. `what`: the
/// kernel or the call.
void check_cuda(int status, const char* what);

}  // namespace seqpe::simt
