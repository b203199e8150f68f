# Hot CPU kernels are compiled once for each x86-64 level in SEQPE_CPU_ISAS; the level is chosen at run time
# (kernels/common/isa.h). Every file puts its code into `namespace SEQPE_ISA`, so the copies never collide.
set(SEQPE_ISA_DEFINITIONS "")
foreach(level IN LISTS SEQPE_CPU_ISAS)
  if(NOT level MATCHES "^v[234]$")
    message(FATAL_ERROR "SEQPE_CPU_ISAS: expected a list of v2, v3, v4, got '${level}'")
  endif()
  string(TOUPPER "SEQPE_HAVE_ISA_${level}" definition)
  list(APPEND SEQPE_ISA_DEFINITIONS "${definition}=1")
endforeach()

# seqpe_add_isa_sources(TARGET file...): compiles each file for every level and links the objects into TARGET.
function(seqpe_add_isa_sources target)
  foreach(level IN LISTS SEQPE_CPU_ISAS)
    set(objects "${target}_isa_${level}")
    add_library(${objects} OBJECT ${ARGN})
    target_compile_options(${objects} PRIVATE -march=x86-64-${level} -fno-math-errno -fno-trapping-math
      -ffp-contract=fast -fopenmp-simd)
    if(level STREQUAL "v4")
      target_compile_options(${objects} PRIVATE -mprefer-vector-width=512)
    endif()
    target_compile_definitions(${objects} PRIVATE SEQPE_ISA=isa_${level} ${SEQPE_ISA_DEFINITIONS})
    target_link_libraries(${objects} PRIVATE seqpe_options OpenMP::OpenMP_CXX fmt::fmt)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()
