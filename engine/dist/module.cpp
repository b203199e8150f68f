#include "engine/dist/module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

#include "kernels/common/error.h"

namespace seqpe::dist {

void* module_function(const std::string& module, const char* function, const std::string& hint) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::string reasons;
  for (const auto& path : {folder / module, folder.parent_path() / "lib" / module}) {
    // A library's own plug-ins look for its names among those of the whole process.
    void* const opened = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (opened == nullptr) {
      reasons += fmt::format("{}{}", reasons.empty() ? "" : "; ", ::dlerror());
      continue;
    }
    void* const found = ::dlsym(opened, function);
    require<CommunicationError>(found != nullptr, "[dist] {} must have a function {}, it has none.",
                                path.string(), function);
    return found;
  }
  throw CommunicationError(fmt::format("[dist] several processes need the module {}: {}. Hint: {}",
                                       module, reasons, hint));
}

}  // namespace seqpe::dist
