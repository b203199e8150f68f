# Options a user may set, and the compile options every target of ours shares (target seqpe_options).
option(SEQPE_TESTS "Build the tests" ON)
option(SEQPE_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
set(SEQPE_CPU_ISAS "v2;v3;v4" CACHE STRING "x86-64 levels that the hot CPU kernels are compiled for")
set(SEQPE_GEMM "AUTO" CACHE STRING "CPU matrix multiplication: AUTO, ONEDNN, CBLAS or PLAIN")
set_property(CACHE SEQPE_GEMM PROPERTY STRINGS AUTO ONEDNN CBLAS PLAIN)
if(NOT SEQPE_GEMM MATCHES "^(AUTO|ONEDNN|CBLAS|PLAIN)$")
  message(FATAL_ERROR "SEQPE_GEMM: expected AUTO, ONEDNN, CBLAS or PLAIN, got '${SEQPE_GEMM}'")
endif()
set(SEQPE_CUDA "AUTO" CACHE STRING
  "The device `cuda`: ON (nvcc, a GPU), AUTO (ON where nvcc and cuBLASLt are), EMULATED on the CPU (kernels/simt), OFF")
set_property(CACHE SEQPE_CUDA PROPERTY STRINGS AUTO ON EMULATED OFF)
if(NOT SEQPE_CUDA MATCHES "^(AUTO|ON|EMULATED|OFF)$")
  message(FATAL_ERROR "SEQPE_CUDA: expected AUTO, ON, EMULATED or OFF, got '${SEQPE_CUDA}'")
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
string(REPLACE "-O2" "-O3" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(seqpe_options INTERFACE)
target_include_directories(seqpe_options INTERFACE "${PROJECT_SOURCE_DIR}")
set(SEQPE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wno-unknown-pragmas -Wno-missing-field-initializers -Werror)
# GCC 12 reports overlaps in std::string that cannot be (GCC bug 105329).
list(APPEND SEQPE_WARNINGS $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
target_compile_options(seqpe_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${SEQPE_WARNINGS}>)
if(SEQPE_SANITIZE)
  target_compile_options(seqpe_options INTERFACE -fsanitize=address,undefined,float-cast-overflow
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(seqpe_options INTERFACE -fsanitize=address,undefined)
  # GCC's sanitizer instrumentation raises false alarms in inlined library code.
  target_compile_options(seqpe_options INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds)
endif()
