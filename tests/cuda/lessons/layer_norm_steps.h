// Layer norm forward in the forms that docs/cuda.md walks through, bf16 on the device cuda.
#pragma once

#include <vector>

#include "kernels/layer_norm.h"

namespace seqpe::lessons {

struct LayerNormStep {
  const char* name;
  /// cols must be a multiple of 8 and every array lie at a multiple of 16 bytes.
  void (*run)(const kernels::LayerNormForwardArgs& args);
};

/// From the formula written down to the engine's own kernel, which is the last.
std::vector<LayerNormStep> layer_norm_steps();

}  // namespace seqpe::lessons
