// The libraries that the engine is built with and runs with, and which packages bring those that
// are missing.
#pragma once

#include <string>

#include "tools/seqpe_engine/device_facts.h"

namespace seqpe::tools {

std::string onednn_text();

/// The CUDA Toolkit, cuBLASLt, cuDNN and NCCL.
Facts cuda_libraries();

}  // namespace seqpe::tools
