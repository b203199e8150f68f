// The functions of cuDNN's graph interface that we call, as they are found at run time: a build
// needs its headers alone, and a machine need not have the library.
#pragma once

#include <cudnn_graph.h>

#include <string>

namespace seqpe::kernels::cuda {

struct CudnnFunctions {
  decltype(&cudnnGetVersion) get_version = nullptr;
  decltype(&cudnnGetErrorString) error_string = nullptr;
  decltype(&cudnnGetLastErrorString) last_error_string = nullptr;
  decltype(&cudnnCreate) create = nullptr;
  decltype(&cudnnSetStream) set_stream = nullptr;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor = nullptr;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor = nullptr;
  decltype(&cudnnBackendSetAttribute) set_attribute = nullptr;
  decltype(&cudnnBackendGetAttribute) get_attribute = nullptr;
  decltype(&cudnnBackendFinalize) finalize = nullptr;
  decltype(&cudnnBackendExecute) execute = nullptr;
};

/// The compute capability of the GPU that they run on, as ten times its first number plus its
/// second.
int compute_capability();

/// The library's, which stays loaded. Null where it cannot be used: `why` then says so.
const CudnnFunctions* cudnn_functions(std::string& why);

}  // namespace seqpe::kernels::cuda
