// A shared library that need not be there. It stays loaded: those of CUDA bring a C++ runtime of
// their own, whose memory nobody would own once they are unloaded.
#pragma once

#include <dlfcn.h>

#include <vector>

namespace seqpe::tools {

class SharedLibrary {
 public:
  /// The first of the names that is there.
  explicit SharedLibrary(const std::vector<const char*>& names) {
    for (const char* name : names) {
      if (handle_ == nullptr) handle_ = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    }
  }
  bool is_there() const { return handle_ != nullptr; }
  /// Null if it has none of that name.
  template <typename F>
  F* function(const char* name) const {
    return reinterpret_cast<F*>(::dlsym(handle_, name));
  }

 private:
  void* handle_ = nullptr;
};

}  // namespace seqpe::tools
