# Run at every build: writes OUTPUT with the commit of SOURCE, "-dirty" where files differ from it; touches it only if it changed.
cmake_minimum_required(VERSION 3.25)
find_package(Git QUIET)
set(commit unknown)
if(GIT_FOUND)
  execute_process(COMMAND "${GIT_EXECUTABLE}" -C "${SOURCE}" describe --always --dirty --exclude *
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(described)
    set(commit "${described}")
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "// Written by cmake/Commit.cmake.
#pragma once

namespace seqpe::tools {

inline constexpr const char* kCommit = \"${commit}\";

}  // namespace seqpe::tools
")
