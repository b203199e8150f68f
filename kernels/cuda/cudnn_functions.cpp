#include "kernels/cuda/cudnn_functions.h"

#include <cuda_runtime.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include "kernels/attention_backend.h"
#include "kernels/cuda/check_cuda.h"

namespace seqpe::kernels::cuda {
namespace {

template <typename F>
bool find(void* library, F*& function, const char* name) {
  function = reinterpret_cast<F*>(::dlsym(library, name));
  return function != nullptr;
}

struct Loaded {
  CudnnFunctions functions;
  std::string why_not;

  Loaded() {
    void* const library = ::dlopen("libcudnn.so.9", RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) {
      why_not = "there is no libcudnn.so.9";
      return;
    }
    CudnnFunctions& f = functions;
    if (!find(library, f.get_version, "cudnnGetVersion") ||
        !find(library, f.error_string, "cudnnGetErrorString") ||
        !find(library, f.last_error_string, "cudnnGetLastErrorString") ||
        !find(library, f.create, "cudnnCreate") || !find(library, f.set_stream, "cudnnSetStream") ||
        !find(library, f.create_descriptor, "cudnnBackendCreateDescriptor") ||
        !find(library, f.destroy_descriptor, "cudnnBackendDestroyDescriptor") ||
        !find(library, f.set_attribute, "cudnnBackendSetAttribute") ||
        !find(library, f.get_attribute, "cudnnBackendGetAttribute") ||
        !find(library, f.finalize, "cudnnBackendFinalize") ||
        !find(library, f.execute, "cudnnBackendExecute")) {
      why_not = "libcudnn.so.9 lacks a function of its graph interface";
      return;
    }
    const auto version = static_cast<std::int64_t>(f.get_version());
    if (version < kFirstCudnn) {
      why_not = fmt::format("cuDNN {}.{}.{} is installed, {}.{} is the first that serves",
                            version / 10000, version / 100 % 100, version % 100,
                            kFirstCudnn / 10000, kFirstCudnn / 100 % 100);
    }
  }
};

}  // namespace

int compute_capability() {
  static const int capability = [] {
    const auto number = [](cudaDeviceAttr attribute) {
      int device = 0, value = 0;
      simt::check_cuda(cudaGetDevice(&device), "cudaGetDevice");
      simt::check_cuda(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
      return value;
    };
    return 10 * number(cudaDevAttrComputeCapabilityMajor) +
           number(cudaDevAttrComputeCapabilityMinor);
  }();
  return capability;
}

const CudnnFunctions* cudnn_functions(std::string& why) {
  static const auto* const loaded =
      new Loaded;  // CUDA may be gone before objects of static lifetime
  why = loaded->why_not;
  return why.empty() ? &loaded->functions : nullptr;
}

}  // namespace seqpe::kernels::cuda
