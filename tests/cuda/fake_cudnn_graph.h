// The fake cuDNN's arithmetic: what is right of a graph, and what it computes on the host's memory.
#pragma once

#include <vector>

#include "tests/cuda/fake_cudnn_descriptor.h"

namespace seqpe::test {

/// Throw FakeRefusal where something is missing or does not fit together.
void check_tensor(const FakeDescriptor& tensor);
void check_operation(const FakeDescriptor& operation);

/// One after the other, on the memory that the pack names.
void run_operations(const std::vector<void*>& operations, const FakeDescriptor& pack);

}  // namespace seqpe::test
