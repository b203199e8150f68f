#include "engine/dist/mpi_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

constexpr const char* kModule = "libseqpe_mpi.so";

MpiCalls* opened = nullptr;

}  // namespace

MpiCalls& open_mpi() {
  if (opened != nullptr) return *opened;
  // In a build beside the command, where it is installed in lib beside bin.
  const auto command = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::string reason;
  for (const auto& folder : {command, command.parent_path() / "lib"}) {
    const auto path = folder / kModule;
    // The library's own plug-ins look for its names among those of the whole process.
    void* const module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (module == nullptr) {
      reason += fmt::format("{}{}", reason.empty() ? "" : "; ", ::dlerror());
      continue;
    }
    auto* const open = reinterpret_cast<MpiModuleFunction*>(::dlsym(module, kMpiModuleFunction));
    require<CommunicationError>(open != nullptr, "[mpi] {} must have a function {}, it has none.",
                                path.string(), kMpiModuleFunction);
    opened = open();
    return *opened;
  }
  throw CommunicationError(
      fmt::format("[mpi] several processes need the module {}: {}. Hint: install an MPI library "
                  "(libopenmpi-dev openmpi-bin, or libmpich-dev mpich) and build again.",
                  kModule, reason));
}

bool mpi_is_open() {
  return opened != nullptr;
}

}  // namespace seqpe::dist
