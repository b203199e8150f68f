// How fast a device multiplies and copies.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/common/context.h"
#include "kernels/common/dtype.h"

namespace seqpe::tools {

/// "412 GFLOP/s" of the product of two square matrices. Throws Error if it is wrong.
std::string gemm_rate(Device device, DType dtype, std::int64_t size);

/// "10.3 GB/s read and written" of a copy of so many bytes, which should be more than caches hold.
std::string copy_rate(Device device, std::int64_t bytes);

}  // namespace seqpe::tools
