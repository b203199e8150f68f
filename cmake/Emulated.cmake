# CUDA sources compiled by the host's compiler for the SIMT emulator.

# A hook at every access to memory: kernels/simt/access_hooks.cpp has them; ThreadSanitizer's library is not linked.
set(SEQPE_CHECKER_OPTIONS -fsanitize=thread -O1)

# seqpe_emulated_sources(file.cu...): makes them C++ in this directory. For reports: line numbers, calls that are no jumps (a
# return address tells the line) and frames that are touched page by page, so that a stack's overflow meets its guard page.
function(seqpe_emulated_sources)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX
    COMPILE_OPTIONS "-g1;-fno-optimize-sibling-calls;-fstack-clash-protection")
endfunction()
