#include "engine/dist/mpi_library.h"

#include "engine/dist/module.h"

namespace seqpe::dist {
namespace {

MpiCalls* opened = nullptr;

}  // namespace

MpiCalls& open_mpi() {
  if (opened == nullptr) {
    auto* const open = reinterpret_cast<MpiModuleFunction*>(
        module_function("libseqpe_mpi.so", kMpiModuleFunction,
                        "install an MPI library (libopenmpi-dev openmpi-bin, or libmpich-dev "
                        "mpich) and build again."));
    opened = open();
  }
  return *opened;
}

bool mpi_is_open() {
  return opened != nullptr;
}

}  // namespace seqpe::dist
