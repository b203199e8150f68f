// A module of the command: a shared library beside it that is opened when it is needed.
#pragma once

#include <string>

namespace seqpe::dist {

/// The function of that name in the module, which lies beside the command in a build, and in lib
/// beside bin where it is installed. Throws CommunicationError with `hint` where it is not.
void* module_function(const std::string& module, const char* function, const std::string& hint);

}  // namespace seqpe::dist
