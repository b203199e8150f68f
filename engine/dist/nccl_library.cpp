// NCCL by its module.
#include "engine/dist/make_nccl.h"
#include "engine/dist/module.h"

namespace seqpe::dist {

std::unique_ptr<NcclCalls> make_nccl(ProcessGroup&) {
  auto* const open = reinterpret_cast<NcclModuleFunction*>(
      module_function("libseqpe_nccl.so", kNcclModuleFunction,
                      "install NCCL (libnccl2, libnccl-dev) and build with SEQPE_CUDA=ON again."));
  return std::unique_ptr<NcclCalls>(open());
}

}  // namespace seqpe::dist
