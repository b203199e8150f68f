// How fast a device multiplies and copies.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/common/context.h"
#include "kernels/common/dtype.h"

namespace seqpe::tools {

/// What they say of a product, and of a copy, that took so long.
std::string gemm_rate_text(std::int64_t size, double seconds);
std::string copy_rate_text(std::int64_t bytes, double seconds);

/// "412 GFLOP/s" of the product of two square matrices. Throws Error if it is wrong.
std::string gemm_rate(Device device, DType dtype, std::int64_t size);

/// "10.3 GB/s read and written" of a copy of so many bytes, which should be more than caches hold.
std::string copy_rate(Device device, std::int64_t bytes);

}  // namespace seqpe::tools
